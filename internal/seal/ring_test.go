package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everyKey makes one key of each kind.
func everyKey(t testing.TB, r *Ring) {
	t.Helper()
	f := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f(nil, r.EnsureHours(noon))
	f(nil, r.EnsureBreakGlass(noon))
	f(r.Pid("t1", "improve", 689))
	f(r.Pid("学校", "Improve", -1))
	f(r.Batch("improve"))
	f(r.Ledger())
	f(r.Audit())
	f(r.Route())
	f(r.IPDay(20797))
	f(r.CurrentKEK(3))
	f(r.Officer())
	f(r.Tenant("t1"))
}

func TestFilesAreClosedToOthers(t *testing.T) {
	r, dir := emptyRing(t, clockAt(noon))
	everyKey(t, r)
	files := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s: mode %v", p, st.Mode())
		}
		if strings.HasPrefix(d.Name(), ".") && d.Name() != "." {
			t.Errorf("%s: a temporary file stayed", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("%d files", files)
	}
}

func TestExposedFilesAreRefused(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	everyKey(t, r)
	f := func(mode os.FileMode, elem ...string) {
		t.Helper()
		name := filepath.Join(append([]string{dir}, elem...)...)
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(name, st.Mode())
		again, err := OpenRing(dir, c.now)
		if err == nil {
			defer again.Close()
			_, err = again.Ledger()
		}
		if !errors.Is(err, ErrExposed) {
			t.Errorf("%v with mode %v: %v", elem, mode, err)
		}
	}
	f(0o755)
	f(0o710, "private")
	f(0o770, "private", "pid", "t1")
	f(0o640, "private", "ledger.key")
	f(0o604, "private", "ledger.key")
}

func TestKeysLast(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	everyKey(t, r)
	again, err := OpenRing(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	f := func(what string, get func(r *Ring) (Key, error)) {
		t.Helper()
		a, errA := get(r)
		b, errB := get(again)
		if errA != nil || errB != nil {
			t.Fatalf("%s: %v, %v", what, errA, errB)
		}
		if !a.Equal(b) || a.get() == b.get() {
			t.Errorf("%s: another key after opening again", what)
		}
	}
	f("pid", func(r *Ring) (Key, error) { return r.Pid("t1", "improve", 689) })
	f("pid, odd names", func(r *Ring) (Key, error) { return r.LookupPid("学校", "Improve", -1) })
	f("batch", func(r *Ring) (Key, error) { return r.Batch("improve") })
	f("ledger", (*Ring).Ledger)
	f("audit", (*Ring).Audit)
	f("ip day", func(r *Ring) (Key, error) { return r.IPDay(20797) })
}

// TestKeysDiffer: no two keys are alike, and names that a file system might
// confuse are told apart.
func TestKeysDiffer(t *testing.T) {
	r, _ := emptyRing(t, clockAt(noon))
	seen := make(map[[KeySize]byte]string)
	f := func(what string, k Key, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		k.use(k.Algorithm(), func(b *[KeySize]byte) error {
			if other, there := seen[*b]; there {
				t.Errorf("%s has the key of %s", what, other)
			}
			seen[*b] = what
			return nil
		})
	}
	for _, tenant := range []string{"t1", "T1", "t1 ", "../t1", "=5431", "t-1", "t_1", "学校", "."} {
		for _, purpose := range []string{"improve", "survey"} {
			for epoch := range int64(2) {
				k, err := r.Pid(tenant, purpose, epoch)
				f(tenant+"/"+purpose, k, err)
			}
		}
	}
	k, err := r.Batch("improve")
	f("batch", k, err)
	k, err = r.Ledger()
	f("ledger", k, err)
	k, err = r.Audit()
	f("audit", k, err)
	k, err = r.IPDay(1)
	f("ip day", k, err)
	for _, bad := range []string{"", strings.Repeat("x", maxName+1)} {
		if _, err := r.Pid(bad, "improve", 0); err == nil {
			t.Error("a tenant without a usable name got a key")
		}
	}
}

func TestPidEpochs(t *testing.T) {
	r, _ := emptyRing(t, clockAt(noon))
	if _, err := r.LookupPid("t1", "service", 5); !errors.Is(err, ErrNoKey) {
		t.Errorf("look up a key that was never made: %v", err)
	}
	for _, e := range []int64{10, 9, 11} {
		if _, err := r.Pid("t1", "service", e); err != nil {
			t.Fatal(err)
		}
	}
	ten, _ := r.Pid("t1", "service", 10)
	if err := r.DestroyPid("t1", "service", 10); err != nil {
		t.Fatal(err)
	}
	got, err := r.PidEpochs("t1", "service")
	if diff := cmp.Diff([]int64{9, 11}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := r.LookupPid("t1", "service", 10); !errors.Is(err, ErrNoKey) {
		t.Errorf("look up a destroyed key: %v", err)
	}
	if _, err := NewMAC(ten); !errors.Is(err, ErrNoKey) {
		t.Errorf("a destroyed key that was handed out before: %v", err)
	}
	if err := r.DestroyPid("t1", "service", 10); err != nil {
		t.Errorf("destroy once more: %v", err)
	}
}

// TestCrashLeavesNothingBehind: what a crash may leave is ignored when keys are
// read, and gone after the next start.
func TestCrashLeavesNothingBehind(t *testing.T) {
	c := clockAt(time.Now())
	r, dir := emptyRing(t, c)
	if _, err := r.Pid("t1", "improve", 1); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(dir, "private", "pid", "t1", "improve")
	key, err := os.ReadFile(filepath.Join(sub, "1.key"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(sub, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(tempNew+"torn", key[:40])                                                                    // crash while writing
	if err := os.Link(filepath.Join(sub, "1.key"), filepath.Join(sub, tempNew+"linked")); err != nil { // crash after the link
		t.Fatal(err)
	}
	write(tempGone+"half", key) // crash before the bytes were overwritten

	got, err := r.PidEpochs("t1", "improve")
	if diff := cmp.Diff([]int64{1}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := r.Pid("t1", "improve", 2); err != nil {
		t.Errorf("make the next key: %v", err)
	}

	gone, err := os.Open(filepath.Join(sub, tempGone+"half"))
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	c.advance(time.Hour)
	again, err := OpenRing(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	names := readNames(t, sub)
	if diff := cmp.Diff([]string{"1.key", "2.key"}, names); diff != "" {
		t.Error(diff)
	}
	rest := make([]byte, len(key))
	if _, err := gone.ReadAt(rest, 0); err != nil || !bytes.Equal(rest, make([]byte, len(key))) {
		t.Errorf("the bytes of a destroyed key were not overwritten: %v", err)
	}
	a, _ := r.Pid("t1", "improve", 1)
	if b, err := again.Pid("t1", "improve", 1); err != nil || !a.Equal(b) {
		t.Errorf("the key itself: %v", err)
	}
}

func readNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestDestroyOverwrites: the bytes go, also under a second name that a crash
// left behind.
func TestDestroyOverwrites(t *testing.T) {
	r, dir := emptyRing(t, clockAt(noon))
	if _, err := r.Pid("t1", "improve", 1); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "private", "pid", "t1", "improve", "1.key")
	second := filepath.Join(filepath.Dir(file), tempNew+"linked")
	if err := os.Link(file, second); err != nil {
		t.Fatal(err)
	}
	if err := r.DestroyPid("t1", "improve", 1); err != nil {
		t.Fatal(err)
	}
	rest, err := os.ReadFile(second)
	if err != nil || len(bytes.Trim(rest, "\x00")) != 0 {
		t.Errorf("%v, %d bytes that are not zero", err, len(bytes.Trim(rest, "\x00")))
	}
}

// TestDamagedFiles: a key file with one bit wrong, or under another name, is
// refused rather than used, and never replaced by a new key.
func TestDamagedFiles(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	for _, e := range []int64{1, 2} {
		if _, err := r.Pid("t1", "improve", e); err != nil {
			t.Fatal(err)
		}
	}
	sub := filepath.Join(dir, "private", "pid", "t1", "improve")
	good, err := os.ReadFile(filepath.Join(sub, "1.key"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(sub, "2.key"))
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, data []byte, want error) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(sub, "1.key"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := OpenRing(dir, c.now)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		_, err = again.Pid("t1", "improve", 1)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && len(data) > 20 && strings.Contains(err.Error(), string(data[len(data)/2:len(data)/2+8])) {
			t.Errorf("%s: the error shows the file", what)
		}
	}
	f("whole", good, nil)
	f("empty", nil, ErrBadRecord)
	f("cut", good[:len(good)/2], ErrBadRecord)
	f("another key", other, ErrBadRecord)
	f("too long", bytes.Repeat([]byte(" "), maxFile+1), ErrBadRecord)
	f("a later algorithm", bytes.Replace(good, []byte("hmac-sha256"), []byte("hmac-sm3"), 1), ErrBadRecord)
	at := bytes.Index(good, []byte(`"key":"`)) + 10
	bit := bytes.Clone(good)
	if bit[at]++; bit[at] > 'z' {
		bit[at] = 'a'
	}
	f("one character of the key", bit, ErrBadRecord)
}

// TestRingIsNotMadeByAccident: a wrong path or a mount that is gone is an
// error, not a new keyring or an hour that has ended.
func TestRingIsNotMadeByAccident(t *testing.T) {
	c := clockAt(noon)
	dir := filepath.Join(t.TempDir(), "empty")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRing(dir, c.now); !errors.Is(err, ErrNoKey) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := OpenRing(filepath.Join(dir, "no"), c.now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	r, full := hourRing(t, c)
	blob := mustSeal(t, sealerOf(t, full, c), []byte("b"), 1, 0)
	fresh, err := OpenRing(full, c.now)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if err := os.Rename(filepath.Join(full, "private"), filepath.Join(full, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(full, ringMarker)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewOpener(fresh, 0).Open(nil, blob); err == nil || errors.Is(err, ErrKeyExpired) || errors.Is(err, ErrCorrupt) {
		t.Errorf("a keyring that is not mounted: %v", err)
	}
	if err := r.Sync(); err == nil {
		t.Error("Sync takes a keyring that is not mounted for an empty one")
	}
	if _, _, err := NewOpener(r, 0).Open(nil, blob); err != nil {
		t.Errorf("keys in memory: %v", err)
	}
	if err := CreateRing(dir); err != nil {
		t.Fatal(err)
	}
	if err := CreateRing(dir); err != nil {
		t.Errorf("create once more: %v", err)
	}
}

// TestLinksLeadNowhere: a symbolic link in a keyring is not followed out of it.
func TestLinksLeadNowhere(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	if _, err := r.Ledger(); err != nil {
		t.Fatal(err)
	}
	_, other := emptyRing(t, c)
	if err := os.Symlink(filepath.Join(dir, "private", "ledger.key"), filepath.Join(other, "private", "ledger.key")); err != nil {
		t.Fatal(err)
	}
	again, err := OpenRing(other, c.now)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.Ledger(); err == nil {
		t.Error("a key outside the keyring was read")
	}
}

func TestClose(t *testing.T) {
	r, _ := emptyRing(t, clockAt(noon))
	k, err := r.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMAC(k); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key of a closed keyring: %v", err)
	}
	if k.Equal(k) || k.Equal(NewKey(HMACSHA256, [KeySize]byte{})) {
		t.Error("a cleared key equals something")
	}
}

// TestAlgorithmIsAsked: a key is used only for the algorithm its record names.
func TestAlgorithmIsAsked(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	m := macMeta("private/ledger.key")
	m.alg = "hmac-sm3" // whole and intact, made by a later build
	if err := r.f.store(m, bytes.Repeat([]byte{1}, KeySize)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Ledger(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a key for an algorithm this build does not know: %v", err)
	}
	if got := readNames(t, filepath.Join(dir, "private")); !cmp.Equal(got, []string{"ledger.key"}) {
		t.Errorf("%v", got)
	}
	k := NewKey(HMACSHA256, [KeySize]byte{1})
	if !k.Equal(NewKey(HMACSHA256, [KeySize]byte{1})) || k.Equal(NewKey(AES256GCM, [KeySize]byte{1})) || k.Equal(Key{}) || (Key{}).Equal(Key{}) {
		t.Error("Equal")
	}
}

// TestSweptWhileWriting: a temporary file taken away by another process's sweep
// is written again.
func TestSweptWhileWriting(t *testing.T) {
	r, dir := emptyRing(t, clockAt(noon))
	tries := 0
	err := r.f.write("private/x.key", []byte("x"), func(temp string) error {
		if tries++; tries == 1 {
			if err := r.f.root.Remove(temp); err != nil {
				t.Fatal(err)
			}
		}
		return r.f.root.Link(temp, "private/x.key")
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries, %v", tries, err)
	}
	if got := readNames(t, filepath.Join(dir, "private")); !cmp.Equal(got, []string{"x.key"}) {
		t.Errorf("%v", got)
	}
}
