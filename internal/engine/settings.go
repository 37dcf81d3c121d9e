package engine

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// User is one entry of the front's list of users.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password"` // must not be empty
	Role     Role   `json:"role"`
	// Tables limits a reader to these tables, each "database.table" or "database.*"; empty means all.
	Tables []string `json:"tables,omitempty"`
	// Database is where statements of a request that names none stand; empty means "default".
	Database string `json:"database,omitempty"`
}

// Config says how the engine runs. It travels as JSON from the parent to the child.
type Config struct {
	LibPath  string `json:"lib_path"`            // libchdb.so
	DataDir  string `json:"data_dir"`            // made if it is missing; one process at a time
	Listen   string `json:"listen"`              // loopback address; port 0 picks a free one
	AddrFile string `json:"addr_file,omitempty"` // gets the real address, written whole when the front is ready
	Users    []User `json:"users"`

	MemoryBytes    int64 `json:"memory_bytes"`        // the engine's own limit (max_server_memory_usage)
	BackgroundPool int   `json:"background_pool"`     // threads that merge and mutate
	MaxRequests    int   `json:"max_requests"`        // statements that run at once; more wait
	GraceSeconds   int   `json:"grace_seconds"`       // how long running statements may go on after a stop
	ReaderMemory   int64 `json:"reader_memory"`       // max_memory_usage of one statement of a reader
	ReaderSeconds  int   `json:"reader_seconds"`      // max_execution_time of one statement of a reader
	Inherited      bool  `json:"inherited,omitempty"` // the listener comes from the parent, as descriptor 3
}

// DefaultConfig is the small profile: one gigabyte for the engine, two background threads.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:0", MemoryBytes: 1 << 30, BackgroundPool: 2, MaxRequests: 16, GraceSeconds: 10,
		ReaderMemory: 400 << 20, ReaderSeconds: 60,
	}
}

// Validate reports the first thing that is wrong. Its errors name fields and places, never a password.
func (c *Config) Validate() error {
	switch {
	case c.LibPath == "":
		return fmt.Errorf("lib_path is empty")
	case c.DataDir == "":
		return fmt.Errorf("data_dir is empty")
	case len(c.Users) == 0:
		return fmt.Errorf("users is empty: nobody could connect")
	case c.MemoryBytes < 256<<20:
		return fmt.Errorf("memory_bytes is below 256 MiB, too little for the engine")
	case c.BackgroundPool < 1 || c.BackgroundPool > 64:
		return fmt.Errorf("background_pool is not between 1 and 64")
	case c.MaxRequests < 1 || c.GraceSeconds < 0 || c.ReaderMemory < 0 || c.ReaderSeconds < 0:
		return fmt.Errorf("max_requests, grace_seconds, reader_memory or reader_seconds is out of range")
	}
	seen := map[string]bool{}
	for i, u := range c.Users {
		switch {
		case u.Name == "" || seen[u.Name]:
			return fmt.Errorf("users[%d]: the name is empty or used twice", i)
		case u.Password == "":
			return fmt.Errorf("users[%d]: the password is empty", i)
		case u.Role != RoleReader && u.Role != RoleWriter && u.Role != RoleAdmin:
			return fmt.Errorf("users[%d]: the role is not reader, writer or admin", i)
		case u.Role != RoleReader && len(u.Tables) > 0:
			return fmt.Errorf("users[%d]: tables can be listed for readers only", i)
		}
		seen[u.Name] = true
		for j, t := range u.Tables {
			if _, _, err := splitTable(t); err != nil {
				return fmt.Errorf("users[%d].tables[%d]: %w", i, j, err)
			}
		}
	}
	return nil
}

func splitTable(t string) (db, table string, err error) {
	db, table, ok := strings.Cut(t, ".")
	if !ok || !plainName(db) || table != "*" && !plainName(table) {
		return "", "", fmt.Errorf("not of the form database.table or database.*")
	}
	return db, table, nil
}

func plainName(s string) bool {
	for i := range len(s) {
		if !wordStart(s[i]) && (i == 0 || !digit(s[i])) {
			return false
		}
	}
	return s != ""
}

// engineRole is the name of the engine's role for the i-th user: readers get their own, because of Tables.
func engineRole(u User, i int) string {
	if u.Role == RoleReader {
		return "reader_" + strconv.Itoa(i)
	}
	return string(u.Role)
}

// writerGrants are all rights inside the engine and none on sources outside it.
const writerGrants = "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE DICTIONARY, CREATE TEMPORARY TABLE, " +
	"DROP, TRUNCATE, OPTIMIZE, SHOW, dictGet, CHECK"

// writeSettings generates the engine's config.xml and users.xml in DataDir/config and returns the path of
// the first. Passwords are not in them: the engine knows one user, and who may be whom is the front's affair.
func (c *Config) writeSettings() (string, error) {
	dir := filepath.Join(c.DataDir, "config")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the engine's settings: %w", err)
	}
	users, config := filepath.Join(dir, "users.xml"), filepath.Join(dir, "config.xml")
	if err := os.WriteFile(users, []byte(c.usersXML()), 0o600); err != nil {
		return "", fmt.Errorf("write the engine's users: %w", err)
	}
	if err := os.WriteFile(config, []byte(c.configXML(users)), 0o600); err != nil {
		return "", fmt.Errorf("write the engine's settings: %w", err)
	}
	return config, nil
}

func (c *Config) usersXML() string {
	var roles, grants strings.Builder
	role := func(name string, rights ...string) {
		fmt.Fprintf(&roles, "<%s><grants>", name)
		for _, r := range rights {
			fmt.Fprintf(&roles, "<query>GRANT %s</query>", r)
		}
		fmt.Fprintf(&roles, "</grants></%s>\n", name)
		fmt.Fprintf(&grants, "<query>GRANT %s</query>", name)
	}
	role(string(RoleAdmin), "ALL ON *.* WITH GRANT OPTION")
	role(string(RoleWriter), writerGrants+" ON *.*")
	for i, u := range c.Users {
		if u.Role != RoleReader {
			continue
		}
		on := []string{"*.*"}
		if len(u.Tables) > 0 {
			on = u.Tables
		}
		rights := []string{}
		for _, t := range on {
			rights = append(rights, "SELECT, SHOW, dictGet ON "+t)
		}
		role(engineRole(u, i), rights...)
	}
	return "<clickhouse>\n<profiles><default></default></profiles>\n<quotas><default></default></quotas>\n<roles>\n" + roles.String() +
		"</roles>\n<users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile>" +
		"<quota>default</quota>\n<grants>" + grants.String() + "</grants></default></users>\n</clickhouse>\n"
}

func (c *Config) configXML(users string) string {
	n := c.BackgroundPool
	return fmt.Sprintf(`<clickhouse>
<users_config>%s</users_config>
<!-- An empty name keeps the engine from laying the file system, as tables, over the default database. -->
<default_database></default_database>
<database>default</database>
<max_server_memory_usage>%d</max_server_memory_usage>
<mark_cache_size>%d</mark_cache_size>
<index_mark_cache_size>16777216</index_mark_cache_size>
<uncompressed_cache_size>0</uncompressed_cache_size>
<background_pool_size>%d</background_pool_size>
<background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
<background_schedule_pool_size>%d</background_schedule_pool_size>
<background_common_pool_size>1</background_common_pool_size>
<background_move_pool_size>1</background_move_pool_size>
<background_fetches_pool_size>1</background_fetches_pool_size>
<merge_tree>
<number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
<number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
<number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
</merge_tree>
</clickhouse>
`, escapeXML(users), c.MemoryBytes, c.MemoryBytes/16, n, n)
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}

// makeDefaultDatabase describes the database "default" in a fresh data folder, as the engine itself would
// after CREATE DATABASE. Left to itself the engine makes an overlay of it and the file system, in which
// SELECT * FROM `/etc/passwd` reads the file; and without that overlay its first connection finds no database.
func makeDefaultDatabase(dir string) error {
	meta := filepath.Join(dir, "metadata")
	file := filepath.Join(meta, "default.sql")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	id := uuid.NewString()
	if old, err := os.Readlink(filepath.Join(meta, "default")); err == nil {
		id = filepath.Base(old) // the overlay's database of a folder that another program made
	}
	if err := os.MkdirAll(meta, 0o750); err != nil {
		return fmt.Errorf("make the folder of the default database: %w", err)
	}
	if err := os.WriteFile(file, []byte("ATTACH DATABASE _ UUID '"+id+"'\nENGINE = Atomic\n"), 0o640); err != nil {
		return fmt.Errorf("make the default database: %w", err)
	}
	return nil
}
