package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Violation is one breach of a rule.
type Violation struct {
	File string // relative to the tree
	Line int
	Rule string
}

func (v Violation) String() string { return fmt.Sprintf("%s:%d: %s", v.File, v.Line, v.Rule) }

// source is one parsed file of a package; tests are left out.
type source struct {
	rel, dir string
	file     *ast.File
	set      *token.FileSet
}

// Check reads every Go file below root that is not a test and gives all violations.
func Check(root string) ([]Violation, error) {
	var out []Violation
	seen := make(map[string]int)
	err := walk(root, func(s source) {
		out = append(out, s.imports()...)
		out = append(out, s.declarations()...)
		out = append(out, s.ways()...)
		if n := s.revealCalls(); n > 0 {
			seen[s.rel] = n
		}
	})
	if err != nil {
		return nil, err
	}
	out = append(out, comparePins(seen, reveals())...)
	slices.SortFunc(out, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return out, nil
}

func walk(root string, visit func(source)) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); path != root && (strings.HasPrefix(n, ".") || n == "testdata" || n == "node_modules" || n == "build" || n == "data") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		visit(source{rel: rel, dir: strings.TrimSuffix(rel, "/"+filepath.Base(rel)), file: f, set: set})
		return nil
	})
}

func (s source) at(p token.Pos, format string, a ...any) Violation {
	return Violation{s.rel, s.set.Position(p).Line, fmt.Sprintf(format, a...)}
}

// imports checks the table of our packages and the sole importers of engines.
func (s source) imports() (out []Violation) {
	may, known := lookup(allowed(), s.dir)
	if !known {
		out = append(out, s.at(s.file.Package, "package %s is not in the import table", s.dir))
	}
	for _, im := range s.file.Imports {
		path := strings.Trim(im.Path.Value, `"`)
		if own, ok := strings.CutPrefix(path, module); ok {
			if !slices.Contains(may, "...") && !slices.Contains(may, own) {
				out = append(out, s.at(im.Pos(), "%s must not import %s", s.dir, own))
			}
			continue
		}
		for prefix, owners := range engines() {
			if (path == prefix || strings.HasPrefix(path, prefix+"/")) && !slices.Contains(owners, s.dir) {
				out = append(out, s.at(im.Pos(), "only %s may import %s", strings.Join(owners, ", "), prefix))
			}
		}
	}
	return out
}

func lookup(table map[string][]string, dir string) ([]string, bool) {
	if v, ok := table[dir]; ok {
		return v, true
	}
	for k, v := range table {
		if p, ok := strings.CutSuffix(k, "/..."); ok && (dir == p || strings.HasPrefix(dir, p+"/")) {
			return v, true
		}
	}
	return nil, false
}

// declarations checks package names and that nothing runs at import.
func (s source) declarations() (out []Violation) {
	if slices.Contains(badNames(), s.file.Name.Name) {
		out = append(out, s.at(s.file.Name.Pos(), "package name %s says nothing", s.file.Name.Name))
	}
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			out = append(out, s.at(f.Pos(), "no init function"))
		}
	}
	return out
}

// ways finds roads around the types: unsafe, reflect, linknames, and configuration that does
// not come through cmd.
func (s source) ways() (out []Violation) {
	for _, im := range s.file.Imports {
		path := strings.Trim(im.Path.Value, `"`)
		if files, watched := bypasses()[path]; watched && !slices.Contains(files, s.rel) {
			out = append(out, s.at(im.Pos(), "%s sees past types: say in the table why this file needs it", path))
		}
	}
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname") {
				out = append(out, s.at(c.Pos(), "no linkname"))
			}
		}
	}
	if strings.HasPrefix(s.dir, "cmd/") || slices.Contains(environment(), s.rel) {
		return out
	}
	ast.Inspect(s.file, func(node ast.Node) bool {
		sel, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "os" && slices.Contains([]string{"Getenv", "LookupEnv", "Environ"}, sel.Sel.Name) {
			out = append(out, s.at(sel.Pos(), "only cmd reads the environment"))
		}
		return true
	})
	return out
}

// revealCalls counts the calls of Reveal, and the uses of it as a value.
func (s source) revealCalls() (n int) {
	ast.Inspect(s.file, func(node ast.Node) bool {
		if sel, ok := node.(*ast.SelectorExpr); ok && sel.Sel.Name == "Reveal" {
			n++
		}
		return true
	})
	return n
}

func comparePins(seen, pinned map[string]int) (out []Violation) {
	for file, n := range seen {
		if pinned[file] != n {
			out = append(out, Violation{file, 0, fmt.Sprintf("%d uses of Reveal, %d are pinned: say in the table why this place sees a person", n, pinned[file])})
		}
	}
	for file, n := range pinned {
		if seen[file] == 0 {
			out = append(out, Violation{file, 0, fmt.Sprintf("%d uses of Reveal are pinned and there is none", n)})
		}
	}
	return out
}
