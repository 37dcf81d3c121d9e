package event

import "google.golang.org/protobuf/encoding/protowire"

// Field numbers of an act.
const (
	aTenant protowire.Number = iota + 1
	aUser
	aInstall
	aKind
	aActor
	aBits
	aPolicyRev
	aTextHash
	aLang
	aMethod
	aTime
	aReceived
	aExpiry
	aVerified
	aAge
)

// AppendAct appends a as one item of a message body.
func AppendAct(dst []byte, a *Act) []byte {
	return appendItem(dst, itemAct, func(b []byte) []byte {
		b = appendStr(b, aTenant, a.Tenant)
		b = appendStr(b, aUser, a.User.Reveal())
		b = appendStr(b, aInstall, a.Install.Reveal())
		b = appendUint(b, aKind, uint64(a.Kind))
		b = appendUint(b, aActor, uint64(a.Actor))
		b = appendUint(b, aBits, a.Bits)
		b = appendUint(b, aPolicyRev, uint64(a.PolicyRev))
		b = appendStr(b, aTextHash, a.TextHash)
		b = appendStr(b, aLang, a.Lang)
		b = appendStr(b, aMethod, a.Method)
		b = appendUint(b, aTime, uint64(a.Time))
		b = appendUint(b, aReceived, uint64(a.Received))
		b = appendUint(b, aExpiry, uint64(a.Expiry))
		b = appendBool(b, aVerified, a.Verified)
		return appendStr(b, aAge, a.Age)
	})
}

func (a *Act) set(f field) {
	switch f.num {
	case aTenant:
		a.Tenant = view(f.b)
	case aUser:
		a.User = UserID{view(f.b)}
	case aInstall:
		a.Install = InstallID{view(f.b)}
	case aKind:
		a.Kind = ActKind(f.u)
	case aActor:
		a.Actor = Actor(f.u)
	case aBits:
		a.Bits = f.u
	case aPolicyRev:
		a.PolicyRev = uint32(f.u)
	case aTextHash:
		a.TextHash = view(f.b)
	case aLang:
		a.Lang = view(f.b)
	case aMethod:
		a.Method = view(f.b)
	case aTime:
		a.Time = int64(f.u)
	case aReceived:
		a.Received = int64(f.u)
	case aExpiry:
		a.Expiry = int64(f.u)
	case aVerified:
		a.Verified = f.u != 0
	case aAge:
		a.Age = view(f.b)
	}
}
