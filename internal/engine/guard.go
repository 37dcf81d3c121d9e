package engine

import (
	"strings"
)

// Role is what a user may do. The front checks the text of a statement, and the engine checks the grants
// of the role of the same name, so that what one of them overlooks the other refuses.
type Role string

const (
	RoleReader Role = "reader" // SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS
	RoleWriter Role = "writer" // also INSERT and DDL, inside the engine
	RoleAdmin  Role = "admin"  // everything, also files and addresses outside
)

// guard refuses statements by role. It is built once and read by all requests.
type guard struct {
	outside map[string]bool // functions and table functions, in lower case, that reach outside
}

// innerTableFunctions are the table functions that read nothing but the engine's own data or make rows up.
// Every other one that the engine knows is refused to readers and writers.
var innerTableFunctions = []string{
	"numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generaterandom", "generateseries", "generate_series",
	"values", "view", "viewifpermitted", "null", "format", "dictionary", "fuzzjson", "fuzzquery", "input",
}

// outsideFunctions are scalar functions that reach outside or into the process.
var outsideFunctions = []string{
	"file", "catboostevaluate", "addresstoline", "addresstolinewithinlines", "addresstosymbol", "demangle", "trap",
	"filesystemavailable", "filesystemcapacity", "filesystemunreserved", "getoskernelversion", "showcertificate",
	"getserversetting", "aigenerate", "aiembed", "aiclassify", "aitranslate", "aisummarize",
}

// innerEngines are the table and database engines that a writer may name.
var innerEngines = map[string]bool{
	"memory": true, "log": true, "tinylog": true, "stripelog": true, "null": true, "set": true, "join": true,
	"buffer": true, "view": true, "materializedview": true, "atomic": true,
}

var leads = map[Role][]string{
	RoleReader: {"SELECT", "WITH", "FROM", "(", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"},
	RoleWriter: {"SELECT", "WITH", "FROM", "(", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "INSERT", "CREATE",
		"ALTER", "DROP", "TRUNCATE", "RENAME", "EXCHANGE", "OPTIMIZE", "DELETE", "UPDATE", "CHECK", "USE"},
}

// readableSystem are the system tables that a reader may name; others show other users' statements.
var readableSystem = map[string]bool{
	"tables": true, "columns": true, "databases": true, "functions": true, "settings": true, "formats": true,
	"data_type_families": true, "table_functions": true, "table_engines": true, "one": true, "numbers": true,
	"time_zones": true, "contributors": true, "keywords": true, "build_options": true, "dictionaries": true,
	"data_skipping_indices": true, "aggregate_function_combinators": true, "collations": true, "licenses": true,
}

func newGuard(tableFunctions []string) guard {
	g := guard{outside: map[string]bool{}}
	for _, f := range tableFunctions {
		g.outside[strings.ToLower(f)] = true
	}
	for _, f := range innerTableFunctions {
		delete(g.outside, f)
	}
	for _, f := range outsideFunctions {
		g.outside[f] = true
	}
	return g
}

// check refuses st if the role must not run it. The errors hold no part of the statement.
func (g guard) check(role Role, st *statement) error {
	if st.several {
		return refuse(62, "SYNTAX_ERROR", "Several statements in one request are not allowed")
	}
	if role == RoleAdmin {
		return nil
	}
	if !member(leads[role], st.lead) {
		return refuse(497, "ACCESS_DENIED", "This user may run only statements that begin with "+strings.Join(leads[role], ", "))
	}
	for i := range st.tokens {
		if err := g.checkToken(role, st.tokens, i); err != nil {
			return err
		}
	}
	return checkEngine(st)
}

// checkEngine refuses CREATE with an engine that reaches outside. The clause stands outside brackets and
// before the SELECT that fills a table; elsewhere "engine" is a name.
func checkEngine(st *statement) error {
	depth := 0
	for i, t := range st.tokens {
		switch {
		case st.lead != "CREATE" || depth == 0 && t.is("SELECT"):
			return nil
		case t.isMark("("):
			depth++
		case t.isMark(")"):
			depth--
		case depth == 0 && t.is("ENGINE") && !isInnerEngine(st.tokens[i+1:]):
			return refuse(497, "ACCESS_DENIED", "An engine that reaches outside is not allowed to the user")
		}
	}
	return nil
}

func (g guard) checkToken(role Role, ts []token, i int) error {
	t := ts[i]
	next := func(n int) token {
		if i+n < len(ts) {
			return ts[i+n]
		}
		return token{}
	}
	name := strings.ToLower(t.text)
	switch {
	case t.kind == tokenQuoted && strings.ContainsRune(t.text, '\\'):
		return refuse(497, "ACCESS_DENIED", "Escapes in quoted names are not allowed to the user")
	case t.name() && next(1).isMark("(") && g.outside[name]:
		return refuse(497, "ACCESS_DENIED", "A function that reaches outside the engine is not allowed to the user")
	case t.is("OUTFILE") || t.is("INFILE") || t.is("EXECUTABLE"):
		return refuse(497, "ACCESS_DENIED", "Reading or writing files is not allowed to the user")
	case t.is("SOURCE") && next(1).isMark("(") && !next(2).is("CLICKHOUSE") && !next(2).is("NULL"):
		return refuse(497, "ACCESS_DENIED", "A dictionary source that reaches outside is not allowed to the user")
	case (t.is("HOST") || t.is("PORT")) && next(1).kind == tokenString:
		return refuse(497, "ACCESS_DENIED", "A dictionary source that reaches outside is not allowed to the user")
	case (i == 1 || i == 3 && ts[1].is("OR")) && member(notCreated, strings.ToUpper(t.text)):
		return refuse(497, "ACCESS_DENIED", "This kind of object is not allowed to the user")
	case role == RoleReader && t.name() && name == "system" && next(1).isMark(".") && !readableSystem[strings.ToLower(next(2).text)]:
		return refuse(497, "ACCESS_DENIED", "This system table is not allowed to the user")
	}
	return nil
}

// notCreated are the second words of CREATE, ALTER and DROP for what lives beside the databases.
var notCreated = []string{"USER", "ROLE", "ROW", "QUOTA", "SETTINGS", "PROFILE", "FUNCTION", "NAMED", "WORKLOAD", "RESOURCE", "HANDLER"}

// isInnerEngine reads the name behind ENGINE, which may stand with or without an equals sign. A word ENGINE
// that is followed by something else is no clause.
func isInnerEngine(rest []token) bool {
	if len(rest) > 0 && rest[0].isMark("=") {
		rest = rest[1:]
	}
	if len(rest) == 0 || !rest[0].name() {
		return true
	}
	n := strings.ToLower(rest[0].text)
	return innerEngines[n] || strings.HasSuffix(n, "mergetree")
}

func member(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
