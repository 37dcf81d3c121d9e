// Package event is what an SDK sent, cut at the collector: the event (Raw), the act of
// consent (Act), the values they carry and the codec of the message body that travels
// sealed through Kafka. It knows no rule: what may be kept is decided by policy and
// privacy. Identifying values print as [redacted] and have one way out, Reveal.
package event

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
)

// Type is the kind of call an SDK made.
type Type uint8

const (
	Track Type = iota
	Page
	Screen
	Identify
	Group
	Alias
	Log
)

// Raw is one event as it leaves the collector: coordinates, full addresses, query strings
// and forbidden classes are already gone; ids, free text and pages are still personal, so
// it lives only in memory or sealed. Strings may point into the buffer they were decoded
// from and hold only as long as that buffer is left alone.
type Raw struct {
	Tenant    string
	Type      Type
	Name      string // event name, normalised (page -> page_view); at most 200 bytes
	MessageID string // the client's id of the message, or one made by the collector
	Time      int64  // when it happened, Unix ms, clock-corrected and never after Received
	Received  int64  // when the collector took it, Unix ms
	PolicyRev uint32 // the revision the collector cut it under

	User    UserID
	Install InstallID
	Session string // the client's session id, "" when it has none

	UserAgent string
	Net       netip.Prefix // network of the sender, cut to the policy's length
	IPMac     [16]byte     // MAC of the full address under the key of the day; zero when not taken
	IPSealed  []byte       // the full address sealed to the break-glass key; nil when not taken
	Place     Place
	Device    Device
	Page      string // address without query and fragment
	Referrer  string // address without query and fragment
	Campaign  Campaign

	Claims  Claims
	Retry   bool // the client said this is a repeated attempt
	Clamped bool // the client's clock was out of bounds

	Props   []Prop // remaining properties by dotted path, in the order they came
	Dropped uint16 // properties the collector cut, all classes together
}

// Place is where an event happened, cut to a cell by the collector.
type Place struct {
	Cell     string // geohash, at most collector_cap long; "" when no point came
	CityOnly bool   // the reference system was unknown inside China: no finer than city
}

// Device is what the client said of its machine, still as it was written.
type Device struct {
	OS, OSVersion, Model, Lang string
	Width, Height              uint32 // screen, pixels
}

// Campaign holds the utm_ parameters of the page's address.
type Campaign struct{ Source, Medium, Name, Term, Content string }

// Claims are the consent signals that came with a message, mapped onto the policy's bits.
// They can only narrow, unless the policy lets signals grant.
type Claims struct {
	Granted    uint64 // bits somebody said yes to, and nobody no
	Refused    uint64 // bits somebody said no to
	Unreadable bool   // a signal did not parse: counts as a refusal of everything refusable
}

// SubjectKind tells whose event it is.
type SubjectKind uint8

const (
	KindNone SubjectKind = iota // no id came along
	KindUser
	KindInstall
)

func (k SubjectKind) String() string { return [...]string{"none", "user", "install"}[k] }

// Subject gives the kind of the event's subject and appends its canonical id to dst:
// tenant 0 kind 0 trimmed id. With KindNone nothing is appended.
func (r *Raw) Subject(dst []byte) (SubjectKind, []byte) {
	return Canonical(dst, r.Tenant, r.User, r.Install)
}

// Canonical appends the canonical id of a subject to dst: an event with a user id belongs
// to the user, else to the installation.
func Canonical(dst []byte, tenant string, u UserID, i InstallID) (SubjectKind, []byte) {
	kind, id := KindUser, strings.TrimSpace(u.Reveal())
	if id == "" {
		kind, id = KindInstall, strings.TrimSpace(i.Reveal())
	}
	if id == "" {
		return KindNone, dst
	}
	dst = append(dst, tenant...)
	dst = append(dst, 0)
	dst = append(dst, kind.String()...)
	dst = append(dst, 0)
	return kind, append(dst, id...)
}

// Prop is one property by its dotted path.
type Prop struct {
	Key   string
	Value Value
}

// Prop finds a property by its path.
func (r *Raw) Prop(key string) (Value, bool) {
	for i := range r.Props {
		if r.Props[i].Key == key {
			return r.Props[i].Value, true
		}
	}
	return Value{}, false
}

func (r Raw) Format(f fmt.State, _ rune)   { io.WriteString(f, "[event]") }
func (r Raw) LogValue() slog.Value         { return slog.StringValue("[event]") }
func (r Raw) MarshalText() ([]byte, error) { return []byte("[event]"), nil }

// ActKind is what a person did with their consent.
type ActKind uint8

const (
	ActGrant ActKind = iota + 1
	ActRefuse
	ActWithdraw
)

// Actor is who acted.
type Actor uint8

const (
	ActorSelf Actor = iota + 1
	ActorGuardian
	ActorTenant
)

// Act is one act of consent, an ordinary message in the person's own partition.
type Act struct {
	Tenant    string
	User      UserID
	Install   InstallID
	Kind      ActKind
	Actor     Actor
	Bits      uint64 // purposes and features it is about
	PolicyRev uint32
	TextHash  string // of the notice the person saw
	Lang      string // of the notice
	Method    string // dialog, settings, os_permission, signal, import
	Time      int64  // client time, Unix ms, never after Received
	Received  int64  // server time, Unix ms
	Expiry    int64  // Unix ms, 0 = the policy's
	Verified  bool   // the collector checked the tenant's token for this user
	Age       string // age band from the token: lt14, lt18, adult or ""
}

// Subject is Raw.Subject for an act.
func (a *Act) Subject(dst []byte) (SubjectKind, []byte) {
	return Canonical(dst, a.Tenant, a.User, a.Install)
}

func (a Act) Format(f fmt.State, _ rune)   { io.WriteString(f, "[act]") }
func (a Act) LogValue() slog.Value         { return slog.StringValue("[act]") }
func (a Act) MarshalText() ([]byte, error) { return []byte("[act]"), nil }
