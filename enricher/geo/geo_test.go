package geo

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/sluice-events/sluice/privacy/place"
)

// entry is one network of a database made for a test.
type entry struct {
	network, country, province, city string
	radius                           uint16
}

func write(t *testing.T, path string, version int, entries ...entry) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-City", Description: map[string]string{"en": "for tests"}, RecordSize: 24, IPVersion: version, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		m := mmdbtype.Map{
			"country":  mmdbtype.Map{"iso_code": mmdbtype.String(e.country)},
			"gbt2260":  mmdbtype.Map{"province": mmdbtype.String(e.province), "city": mmdbtype.String(e.city)},
			"location": mmdbtype.Map{"accuracy_radius": mmdbtype.Uint16(e.radius), "latitude": mmdbtype.Float64(39.9)},
		}
		_, network, err := net.ParseCIDR(e.network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, m); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(path + ".new")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

func lookup(t *testing.T, d *DB, network string) place.Admin {
	t.Helper()
	return d.Lookup(netip.MustParsePrefix(network))
}

func TestLookup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	write(t, path, 6,
		entry{"1.2.3.0/24", "CN", "440000", "440300", 25},
		entry{"1.2.4.0/24", "CN", "440000", "440300", 51},
		entry{"1.2.5.0/24", "CN", "440000", "440300", 0},
		entry{"2001:db8::/48", "FR", "", "", 5})
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for network, want := range map[string]place.Admin{
		"1.2.3.0/24":      {Country: "CN", Province: "440000", City: "440300"},
		"1.2.4.0/24":      {Country: "CN", Province: "440000"}, // too wide for a city
		"1.2.5.0/24":      {Country: "CN", Province: "440000"}, // nobody says how wide
		"2001:db8::/48":   {Country: "FR"},
		"9.9.9.0/24":      {},
		"2001:db8:1::/48": {},
	} {
		for range 2 { // decoded, then remembered
			if diff := cmp.Diff(want, lookup(t, d, network)); diff != "" {
				t.Errorf("%s: -want +got\n%s", network, diff)
			}
		}
	}
	if got := d.Lookup(netip.Prefix{}); got != (place.Admin{}) {
		t.Errorf("no network is in %v", got)
	}
	network := netip.MustParsePrefix("1.2.3.0/24")
	if n := testing.AllocsPerRun(100, func() { d.Lookup(network) }); n > 0 {
		t.Errorf("a repeated lookup allocates %v times", n)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "text": strings.Repeat("no database\n", 1000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"absent": "no such file", "empty": "damaged", "text": "damaged"} {
		path := filepath.Join(dir, name)
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q and the path", name, err, want)
		}
	}
	path := filepath.Join(dir, "v4")
	write(t, path, 4, entry{"1.2.3.0/24", "CN", "", "", 1})
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "IPv6") {
		t.Errorf("a database of IPv4 alone: %v", err)
	}
}

func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	write(t, path, 6, entry{"1.2.3.0/24", "CN", "", "", 1})
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := d.Reload(); changed || err != nil {
		t.Errorf("an untouched file: %v, %v", changed, err)
	}
	lookup(t, d, "1.2.3.0/24")
	write(t, path, 6, entry{"1.2.3.0/24", "FR", "", "", 1}, entry{"1.2.4.0/24", "DE", "", "", 1})
	os.Chtimes(path, time.Time{}, time.Now().Add(time.Minute))
	if changed, err := d.Reload(); !changed || err != nil {
		t.Errorf("a new file: %v, %v", changed, err)
	}
	if got := lookup(t, d, "1.2.3.0/24").Country; got != "FR" {
		t.Errorf("the old answer %q stayed", got)
	}
	if err := os.WriteFile(path, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if changed, err := d.Reload(); changed || err == nil {
			t.Errorf("a broken file was taken: %v, %v", changed, err)
		}
	}
	if got := lookup(t, d, "1.2.3.0/24").Country; got != "FR" {
		t.Errorf("a broken file took the old answers: %q", got)
	}
}

// The database of set-up: networks of Chinese cities and of other countries.
func TestShippedDatabase(t *testing.T) {
	path := "../../.deps/geo/city.mmdb"
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("SLUICE_REQUIRE_CLIENTS") != "" {
			t.Fatal(err)
		}
		t.Skipf("no database, run `make deps`: %v", err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := lookup(t, d, "202.106.0.0/24"); got.Country != "CN" || got.Province != "110000" {
		t.Errorf("a network of Beijing is in %v", got)
	}
	if got := lookup(t, d, "8.8.8.0/24"); got.Country != "US" || got.City != "" {
		t.Errorf("a network of the United States is in %v", got)
	}
	if got := lookup(t, d, "10.0.0.0/24"); got != (place.Admin{}) {
		t.Errorf("a private network is in %v", got)
	}
}
