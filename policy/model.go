// Package policy reads the one file that governs the pipeline. In go the bytes of a
// YAML policy; out comes a compiled, immutable Policy, or problems that name line, key
// and what would be right, and from a Policy the notice tables, the data dictionary and
// the tracking plan. Beside Load's reading of the file it does no I/O, reads no clock and
// knows nothing of events in flight, keys or stores.
package policy

import (
	"time"
)

// Policy is a compiled revision. It is immutable and safe for concurrent use; callers
// must not write through the pointers and slices it hands out.
type Policy struct {
	Name      string
	Rev       uint32    // grows by one with every revision, never 0
	Effective time.Time // when the revision may begin to apply
	Hash      [32]byte  // SHA-256 of the file's bytes
	Regime    Regime
	Zone      *time.Location // epochs, day grain and aggregates turn at its midnight
	Residency Residency
	Contact   Contact
	Source    Source
	KeepEmpty bool // empty_after_filter: keep

	Raw      RawRules
	Ledger   LedgerRules
	Minors   MinorRules
	Consent  ConsentRules
	Location LocationRules
	Wildcard WildcardRules
	Rights   RightsRules
	Crypto   Crypto
	Holds    HoldRules
	Audit    AuditRules
	Incident IncidentRules

	Purposes   []*Purpose // declared order; an index into it is a purpose's number
	Features   []*Feature
	Classes    map[string]*Class
	Events     map[string]*Event // without "*"
	Wild       *Event            // the "*" entry, nil when there is none
	Order      []*Event          // every entry in declared order, "*" included
	Stores     []*Store          // one per declared purpose, the order of Purposes
	Aggregates []*Aggregate
	Traits     map[string]*Trait
	Groups     map[string]*Group
	ItemFields map[string]*Field
	Roles      []*Role
	Shares     []*Share

	Warnings []Problem // what compiled but deserves a look

	index index // look-ups built by compile
}

// Regime decides which legal bases and deadlines compile.
type Regime string

const (
	PIPL Regime = "pipl"
	GDPR Regime = "gdpr"
)

// Basis is the legal ground of a purpose.
type Basis string

const (
	BasisConsent     Basis = "consent"
	BasisContract    Basis = "contract"
	BasisLegalDuty   Basis = "legal_duty"
	BasisInterest    Basis = "legitimate_interest"
	BasisUserSetting Basis = "user_setting"
)

// Purpose is one reason to keep data, with its own store, key and lifetime.
type Purpose struct {
	Name         string
	Index        int // in Policy.Purposes
	Bit          uint8
	Clause       string
	Basis        Basis
	Refusable    bool
	Declared     bool          // false: status not_declared, a placeholder no event may name
	PidDays      int           // calendar epoch in days; 0 when Lasting
	Lasting      bool          // generation: subject
	Grain        time.Duration // timestamps are cut to it
	Store        string
	Keep         time.Duration // 0: as long as the account (keep: account)
	NeedsItem    bool
	OneSwitchOff bool
	NeverJoin    []string
	DeleteRows   time.Duration // on_withdraw; 0 = none declared
	DeleteTags   time.Duration
	EraseBytes   time.Duration
	Cap          Level // finest place this purpose may hold
	WithLocation Level // finest with the location feature granted; Cap where not raised
	Country      bool  // the country is always taken (security)
}

// NeedsConsent reports whether a row of this purpose exists only after a grant.
func (p *Purpose) NeedsConsent() bool { return p.Basis == BasisConsent }

// Mask is the purpose's bit in consent bitmaps.
func (p *Purpose) Mask() uint64 { return 1 << p.Bit }

// Level is how fine a place is; greater is finer. The numbers are the store's Enum8.
type Level uint8

const (
	LevelNone Level = iota
	LevelCountry
	LevelProvince
	LevelCity
	LevelCell4
	LevelCell5
	LevelCell6
)

// LevelNames are the spellings used in the file and in the stores.
var levelNames = [...]string{"none", "country", "province", "city", "cell4", "cell5", "cell6"}

func (l Level) String() string { return levelNames[l] }

// Feature is a switch that cuts across purposes and needs its own consent.
type Feature struct {
	Name     string
	Bit      uint8
	Clause   string
	Separate bool
	Off      map[string]string // source -> what becomes of it while the switch is off
}

// Mask is the feature's bit in consent bitmaps.
func (f *Feature) Mask() uint64 { return 1 << f.Bit }

// Do is what happens to the values of a class, from the mildest to the strictest.
type Do uint8

const (
	DoAllow Do = iota
	DoPseudonym
	DoScrub
	DoGeneralize
	DoTruncate
	DoCoarsen
	DoForbid
)

// Class says what a field is and therefore what happens to it.
type Class struct {
	Name   string
	Do     Do
	Clause string
	Detect []string            // kinds of privacy/detect
	Names  []string            // extra names beside the built-in list
	Built  bool                // not in the file: a built-in class that forbids by default
	Needs  string              // feature, "" = none
	Of     string              // pseudonym: subject | device
	Rules  map[string]string   // generalize: part -> rule
	Routes []string            // url: path templates
	Only   map[string][]string // purpose -> parts it may hold; purposes not named get none, unless nil
	V4, V6 int                 // truncate: bits kept
	MaxLen int                 // scrub: runes kept
	Type   Type                // default type of its fields
}

// Type is the type of a field's values.
type Type uint8

const (
	TypeString Type = iota
	TypeBool
	TypeInt
	TypeUint
	TypeFloat
	TypeDecimal
	TypeTime
	TypeDurationMS
	TypeEnum
	TypeID
)

// Event is one entry of the tracking plan.
type Event struct {
	Name     string
	Purposes []*Purpose
	Fields   []*Field // declared order, without "*"
	WildText *Class   // class of the "*" field, nil = undeclared fields are dropped
	Item     []string // the first of these fields that is present is the item
	Place    *Field   // the field a position comes from, nil when the event has none
	Line     int

	byName map[string]*Field
	rules  map[string]Rule            // declared names, former names and parts; see Policy.Rule
	paths  lengths                    // of the keys of rules and of byName
	only   map[string]map[string]bool // purpose -> fields; absent = all
}

// Field is one declared property of an event.
type Field struct {
	Name      string
	Class     *Class
	Type      Type
	Required  bool
	Enum      []string
	Unit      string
	Desc      string
	Owner     string
	Was       string   // former name, still taken
	Detect    []string // overrides Class.Detect when DetectSet
	DetectSet bool
	Line      int
}

// Takes reports whether a row of purpose p may hold field f of this event.
func (e *Event) Takes(p *Purpose, field string) bool {
	set, cut := e.only[p.Name]
	return !cut || set[field]
}

// Field finds a declared field by its name or former name.
func (e *Event) Field(name string) (*Field, bool) { f, ok := e.byName[name]; return f, ok }

// Rule says what becomes of one property of an event, by its dotted path.
type Rule struct {
	Field *Field // the declared field, or nil
	Part  string // rest of the path inside a declared object ("os" of "device.os")
	Class *Class // the class that decides; nil = undeclared and no wildcard: drop
	Wild  bool   // taken by the "*" field: belongs into the wildcard column
}

// Store is the table of one purpose.
type Store struct {
	Name    string
	Purpose *Purpose
	Columns []Column // common columns first, then fields in order of first declaration
	byName  map[string]int
}

// Column finds a column's number by name.
func (s *Store) Column(name string) (int, bool) { i, ok := s.byName[name]; return i, ok }

// Column is one column of a store.
type Column struct {
	Name string
	Type ColumnType
	Enum []string // ColEnum: values; see Numbers
	// Numbers are the Enum8 numbers of Enum, one for each. Those of a declared field begin
	// at 1, since 0 stands for a value that was not sent (ZeroEmpty).
	Numbers   []int8
	ZeroEmpty bool   // ColEnum: the Enum8 also has ''=0
	Class     *Class // nil for common columns
	Field     string // the declared field it comes from, "" for common columns
	Part      string // part of an object class ("os", "host", "net" …)
	Desc      string
	Unit      string
}

// ColumnType is how a column is held in memory and in ClickHouse.
type ColumnType uint8

const (
	ColString  ColumnType = iota // String
	ColLowCard                   // LowCardinality(String)
	ColFixed16                   // FixedString(16)
	ColUInt32
	ColUInt64
	ColInt64
	ColFloat64
	ColDecimal // Decimal(18,4), held as int64 of ten-thousandths
	ColBool
	ColDateTime // DateTime in the policy's zone, held as Unix seconds
	ColEnum     // Enum8, held as int8
	ColJSON     // the wildcard column; held as JSON text
)

// Names of the columns every store has, in their order. The privacy package fills them.
const (
	CTenant = iota
	CTime
	CPid
	CRowID
	CSession
	CSeq
	CBatch
	CBot
	CEvent
	CSrc
	CPolicyRev
	CConsentRev
	CItem // item_id; "" where the event has none
	NumCommon
)

// Aggregate is a table built from one purpose's store.
type Aggregate struct {
	Name    string
	Class   byte // 'A' to 'D'
	From    *Purpose
	TTL     time.Duration
	Writers []string
	Readers []string
	Columns []string // where the file names them
}

// Trait is an attribute of a person, kept per pseudonym and purpose.
type Trait struct {
	Field    *Field
	Purposes []*Purpose
}

// Group is a declared kind of group.
type Group struct {
	Name     string
	Purposes []*Purpose
	Fields   map[string]*Field
}

// Role is who may query what.
type Role struct {
	Name      string
	Stores    []string
	Reads     []string
	MinGroup  int
	RowExport bool
	Approval  bool
}

// Share is one declared way out.
type Share struct {
	ID, Role, Contract, Zone, Clause string
	Expires                          time.Time
	Bit                              uint8 // role independent: the bit of the consent share:<id>; 0 otherwise
	Purposes                         []*Purpose
	Columns                          []string
	MinGroup                         int
}

// RawRules govern the sealed topic.
type RawRules struct {
	Seal              string
	Retention         time.Duration
	KeepAtLeast       time.Duration
	KeyEpoch          time.Duration
	RejectedRetention time.Duration
}

// LedgerRules govern the records of consent.
type LedgerRules struct {
	KEKRollAfterErasure, KEKRollAtLeast time.Duration
	LateWindow                          time.Duration
	Idle                                time.Duration
}

// MinorRules say what holds for children.
type MinorRules struct {
	GuardianBelow  int
	UnknownIsMinor bool
	NoGuardian     []string // stores that still take rows, without a pseudonym
	LocationCap    Level
	Deny           []string
}

// ConsentRules say how grants are read.
type ConsentRules struct {
	SignalsMayGrant bool
	Expires         map[string]time.Duration // purpose or feature -> life of a grant
	ReaskAfter      time.Duration
	EffectiveWithin time.Duration
	Signals         Signals
	NarrowestWins   []string
}

// Signals maps what consent tools say onto bits. A value is a mask of purpose and feature
// bits; a line that says "all" holds every consent purpose and can only refuse (see
// Policy.SignalBits).
type Signals struct {
	Segment     map[string]uint64
	Rudder      map[string]uint64
	ConsentMode map[string]uint64
	TCF         map[string]uint64
	GPP         map[string]string
	GPCRefuses  []string
	GPCMask     uint64 // bits of the declared purposes in GPCRefuses
	DNTAsGPC    bool

	refuseOnly map[string]bool // "table/key" of the lines that say all
}

// LocationRules govern places.
type LocationRules struct {
	Grid         string
	StoreCRS     string
	AcceptCRS    []string
	MissingCRS   Level // what a point without a CRS inside China becomes
	CollectorCap Level
	K            int
	NoMap        Level
	MaxRadiusKM  int
	IPFinest     Level
	Window       time.Duration // days whose counts decide whether a cell is usable
	LeaveBelow   float64       // share of K below which a usable cell is given up
	CellsPerDay  int           // distinct cells a pid may show on one local day
}

// WildcardRules bound what "*" takes in.
type WildcardRules struct {
	Column        string
	JSON          bool // column_type json; false = map
	MaxKeys       int
	MaxDepth      int
	MaxEventNames int
}

// RightsRules hold the deadlines of people's requests.
type RightsRules struct {
	EraseBytes    time.Duration
	BackupHorizon time.Duration
	Deadlines     map[string]Deadline
	GuardianActs  bool
	VerifyLevel   string // step_up
	VerifyBy      string // tenant_jwt_eddsa
}

// Deadline is ours, and the statutory ceiling as written.
type Deadline struct {
	Ours    time.Duration
	Ceiling string
	Latest  time.Duration // the ceiling read on the strict side: a working day as a day, a month as 28
}

// HoldRules govern legal holds.
type HoldRules struct {
	Roles []string
	Needs []string // what a hold must name: case_id, clause, expiry
	Max   time.Duration
	Scope string // copy_then_delete_rest
}

// AuditRules govern the chain of audit records.
type AuditRules struct {
	Chain      string // sha256
	Keep       time.Duration
	SubjectRef string // hmac_audit_key
}

// IncidentRules say whom to tell of a breach, and how soon.
type IncidentRules struct {
	ReportTo string
	Within   time.Duration
	Notify   []string
}

// Crypto names the algorithms.
type Crypto struct{ MAC, AEAD, Sign string }

// Residency is where data may be.
type Residency struct {
	Zone string
	Deny bool // egress: deny
}

// Contact is served at /v1/privacy.
type Contact struct {
	Handler  string
	Officer  string
	Channels []string
}

// Source is the notice text the policy carries out.
type Source struct{ Title, SHA256 string }
