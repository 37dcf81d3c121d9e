package seal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// collectorFolder copies what a collector on another host is given.
func collectorFolder(t *testing.T, ring string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{dirPublic, dirEdge} {
		copyTree(t, filepath.Join(ring, sub), filepath.Join(dir, sub))
	}
	return dir
}

// TestCollectorCannotOpen is the part of L01 that runs: with everything in its
// folder, every secret tried as every kind of key, a collector opens neither
// what another process wrote nor what it wrote itself an hour ago.
func TestCollectorCannotOpen(t *testing.T) {
	c := clockAt(noon)
	r, ring := hourRing(t, c)
	everyKey(t, r)
	dir := collectorFolder(t, ring)

	p := publicOfRing(t, dir)
	own := NewSealer(p, c.now)
	defer own.Close()
	blobs := [][]byte{
		mustSeal(t, sealerOf(t, ring, c), events(300), 2, 1), // of another process
		mustSeal(t, own, events(300), 2, 1),                  // its own, in the hour before
	}
	c.advance(time.Hour)
	mustSeal(t, own, events(300), 2, 1)
	for _, b := range blobs { // it does open for whom it is meant
		if _, _, err := NewOpener(r, 0).Open(nil, b); err != nil {
			t.Fatal(err)
		}
	}

	if _, err := OpenRing(dir, c.now); err == nil {
		t.Error("the collector's folder opens as a keyring")
	}
	if got := readNames(t, dir); len(got) != 2 || got[0] != dirEdge || got[1] != dirPublic {
		t.Errorf("the collector's folder holds %v", got)
	}
	halves := make(map[string]int)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var rec record
		if err := json.Unmarshal(data, &rec); err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		halves[rec.Half]++
		if rec.Half == halfPrivate {
			t.Errorf("%s: a private half", name)
		}
		key, err := base64.StdEncoding.DecodeString(rec.Key)
		if err != nil {
			return err
		}
		for i, blob := range blobs {
			if opensWith([KeySize]byte(key), blob) {
				t.Errorf("%s opens blob %d", name, i)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if halves[halfPublic] < HoursAhead || halves[halfSecret] < 2 {
		t.Errorf("halves in the folder: %v", halves)
	}
	// The trial itself works: with the right private half it opens.
	k := r.hours[hourIDOf(t, blobs[0])]
	if !opensWith(k.get().b, blobs[0]) {
		t.Error("the trial does not open with the right key either")
	}
}

// opensWith tries bytes as a private half and as the message key itself.
func opensWith(b [KeySize]byte, blob []byte) bool {
	h, err := ParseHeader(blob)
	if err != nil {
		return false
	}
	keys := [][KeySize]byte{b}
	var agreed [KeySize]byte
	if rawAgreement(h.HourKeyID).decapsulate(&b, &h.Encapsulation, &agreed) == nil {
		keys = append(keys, agreed)
	}
	for _, k := range keys {
		box, err := newGuarded(&k)
		if err != nil {
			continue
		}
		if _, err := box.open(nil, blob[:nonceSize], blob[HeaderSize:], blob[:HeaderSize]); err == nil {
			return true
		}
	}
	return false
}

// TestCollectorSealsFromItsFolder: the folder is enough for all it has to do.
func TestCollectorSealsFromItsFolder(t *testing.T) {
	c := clockAt(noon)
	r, ring := hourRing(t, c)
	everyKey(t, r)
	p := publicOfRing(t, collectorFolder(t, ring))
	s := NewSealer(p, c.now)
	defer s.Close()
	if _, _, err := NewOpener(r, 0).Open(nil, mustSeal(t, s, events(100), 1, 0)); err != nil {
		t.Errorf("open: %v", err)
	}
	route, err := p.Route()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := r.Route()
	if err != nil {
		t.Fatal(err)
	}
	if id := []byte("t1\x00user\x00u1"); Bucket(route, id) != Bucket(whole, id) {
		t.Error("two views route differently")
	}
	day, err := p.IPDay(20797)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := r.IPDay(20797); err != nil || !k.Equal(day) {
		t.Errorf("address key: %v", err)
	}
	if _, err := p.IPDay(20798); !errors.Is(err, ErrNoKey) {
		t.Errorf("a day without a key: %v", err)
	}
	// A collector drops keys of days that are over.
	for _, d := range []int32{20798, 20799} {
		if _, err := r.IPDay(d); err != nil {
			t.Fatal(err)
		}
	}
	all := publicOfRing(t, ring)
	old, err := all.IPDay(20797)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.IPDay(20799); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMAC(old); !errors.Is(err, ErrNoKey) {
		t.Errorf("the key of the day before yesterday: %v", err)
	}
	if err := r.DestroyIPDays(20799); err != nil {
		t.Fatal(err)
	}
	if _, err := publicOfRing(t, ring).IPDay(20798); !errors.Is(err, ErrNoKey) {
		t.Errorf("a destroyed day: %v", err)
	}
}

// TestCollectorViewDoesNotCompileAsOpener is the part of L01 that the compiler
// sees: nothing of the collector's view fits where a private half is needed.
func TestCollectorViewDoesNotCompileAsOpener(t *testing.T) {
	pkg := checkedPackage(t)
	f := func(body string, ok bool) {
		t.Helper()
		src := `package probe
import "` + pkg.Path() + `"
func probe(p *seal.PublicKeys, r *seal.Ring, s *seal.Sealer) { ` + body + ` }`
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "probe.go", src, 0)
		if err != nil {
			t.Fatal(err)
		}
		conf := types.Config{Importer: only{pkg}}
		_, err = conf.Check("probe", fset, []*ast.File{file}, nil)
		if (err == nil) != ok {
			t.Errorf("%s: compiles is %v, want %v (%v)", body, err == nil, ok, err)
		}
	}
	f("seal.NewOpener(r, 0)", true)
	f("seal.NewOpener(p, 0)", false)
	f("seal.NewOpener(s, 0)", false)
	f("var _ seal.PrivateHours = p", false)
	f("p.Decapsulate(seal.HourKeyID{}, [32]byte{})", false)
	f("p.KEK(0, 0)", false)
	f("p.CurrentKEK(0)", false)
	f(`p.Pid("t1", "service", 0)`, false)
	f("p.BreakGlass()", false)
	f("s.Open(nil, nil)", false)
	f("_ = seal.Key{}", true)
	f("_ = (seal.Key{}).hidden", false)
}

// only is an importer that knows one package.
type only struct{ pkg *types.Package }

func (o only) Import(p string) (*types.Package, error) {
	if p == o.pkg.Path() {
		return o.pkg, nil
	}
	return nil, errors.New("not known here")
}

// checkedPackage type-checks this package, with what it imports from outside
// the standard library left empty: only its own declarations matter here.
func checkedPackage(t *testing.T) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, n := range names {
		if strings.HasSuffix(n, "_test.go") || n == "erase_on.go" {
			continue
		}
		f, err := parser.ParseFile(fset, n, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	std := importer.ForCompiler(fset, "source", nil)
	conf := types.Config{
		IgnoreFuncBodies: true,
		Importer:         stdOnly{std},
		Error:            func(error) {}, // an import that is left empty and now unused
	}
	pkg, _ := conf.Check("github.com/sluice-events/sluice/internal/seal", fset, files, nil)
	if pkg == nil || pkg.Scope().Lookup("NewOpener") == nil {
		t.Fatal("the package was not checked")
	}
	return pkg
}

type stdOnly struct{ std types.Importer }

func (s stdOnly) Import(p string) (*types.Package, error) {
	if strings.Contains(p, ".") {
		empty := types.NewPackage(p, filepath.Base(p))
		empty.MarkComplete()
		return empty, nil
	}
	return s.std.Import(p)
}
