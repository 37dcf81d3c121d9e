package privacy

// Reason is why an event, or a store's share of it, was not kept. The set is closed:
// reasons are metric labels and account keys.
type Reason uint8

const (
	Kept Reason = iota
	// dropped
	NoConsent
	UndeclaredEvent
	Empty       // all declared fields were removed
	NoItem      // the purpose needs an item and the event names none
	Duplicate   // the message id was seen before
	MinorDenied // the purpose is closed to children, or the guardian's act is missing
	NotBefore   // the event lies before an erasure
	// rejected
	Schema     // a required field is missing
	Corrupt    // the message does not open or decode
	KeyExpired // the key of its hour is destroyed
	Retention  // the broker deleted it unread
	Internal   // a bug: the event was set aside, sealed
	numReasons
)

var reasonNames = [numReasons]string{"kept", "no_consent", "undeclared_event", "empty", "no_item", "duplicate", "minor", "not_before",
	"schema", "corrupt", "key_expired", "retention_expired", "internal"}

func (r Reason) String() string { return reasonNames[r] }

// Rejected reports whether the event counts as rejected; any other reason but Kept counts as dropped.
func (r Reason) Rejected() bool { return r >= Schema }

// Reasons lists every reason but Kept, for metrics and checks.
func Reasons() []Reason {
	all := make([]Reason, 0, numReasons-1)
	for r := NoConsent; r < numReasons; r++ {
		all = append(all, r)
	}
	return all
}
