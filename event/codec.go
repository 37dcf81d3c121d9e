package event

import (
	"errors"
	"math"
	"net/netip"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// The body of a message is a sequence of items in protobuf's wire encoding: field 1 of
// the outermost level is an event, field 2 an act, in order of arrival. Fields are only
// ever added, so a reader of an older or newer release skips what it does not know.

// ErrMalformed is returned for a body that is not such a sequence.
var ErrMalformed = errors.New("event: malformed message body")

const (
	itemEvent protowire.Number = 1
	itemAct   protowire.Number = 2
)

// Field numbers of an event.
const (
	fTenant protowire.Number = iota + 1
	fType
	fName
	fMessageID
	fTime
	fReceived
	fPolicyRev
	fUser
	fInstall
	fSession
	fUserAgent
	fNet
	fIPMac
	fIPSealed
	fCell
	fCityOnly
	fOS
	fOSVersion
	fModel
	fLang
	fWidth
	fHeight
	fPage
	fReferrer
	fCampSource
	fCampMedium
	fCampName
	fCampTerm
	fCampContent
	fGranted
	fRefused
	fUnreadable
	fRetry
	fClamped
	fProp
	fDropped
)

// Field numbers of a property.
const (
	pKey protowire.Number = iota + 1
	pBool
	pInt
	pFloat
	pString
)

// netV4 added to the length of a network marks IPv4.
const netV4 = 200

// AppendRaw appends r as one item of a message body.
func AppendRaw(dst []byte, r *Raw) []byte {
	return appendItem(dst, itemEvent, func(b []byte) []byte { return appendRaw(b, r) })
}

// appendItem writes a length-delimited field whose length is not known beforehand: room
// for a five-byte length is left and the contents moved down if fewer were needed.
func appendItem(dst []byte, n protowire.Number, body func([]byte) []byte) []byte {
	dst = protowire.AppendTag(dst, n, protowire.BytesType)
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0)
	dst = body(dst)
	size := len(dst) - at - 5
	head := protowire.AppendVarint(dst[at:at:at+5], uint64(size))
	copy(dst[at+len(head):], dst[at+5:])
	return dst[:at+len(head)+size]
}

func appendStr(b []byte, n protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func appendUint(b []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func appendBool(b []byte, n protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	return appendUint(b, n, 1)
}

func appendBytes(b []byte, n protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func appendRaw(b []byte, r *Raw) []byte {
	b = appendStr(b, fTenant, r.Tenant)
	b = appendUint(b, fType, uint64(r.Type))
	b = appendStr(b, fName, r.Name)
	b = appendStr(b, fMessageID, r.MessageID)
	b = appendUint(b, fTime, uint64(r.Time))
	b = appendUint(b, fReceived, uint64(r.Received))
	b = appendUint(b, fPolicyRev, uint64(r.PolicyRev))
	b = appendStr(b, fUser, r.User.Reveal())
	b = appendStr(b, fInstall, r.Install.Reveal())
	b = appendStr(b, fSession, r.Session)
	b = appendStr(b, fUserAgent, r.UserAgent)
	if r.Net.IsValid() {
		a := r.Net.Addr().As16()
		bits := byte(r.Net.Bits())
		if r.Net.Addr().Is4() {
			bits += netV4
		}
		b = protowire.AppendTag(b, fNet, protowire.BytesType)
		b = protowire.AppendVarint(b, 17)
		b = append(append(b, bits), a[:]...)
	}
	if r.IPMac != ([16]byte{}) {
		b = appendBytes(b, fIPMac, r.IPMac[:])
	}
	b = appendBytes(b, fIPSealed, r.IPSealed)
	b = appendStr(b, fCell, r.Place.Cell)
	b = appendBool(b, fCityOnly, r.Place.CityOnly)
	b = appendStr(b, fOS, r.Device.OS)
	b = appendStr(b, fOSVersion, r.Device.OSVersion)
	b = appendStr(b, fModel, r.Device.Model)
	b = appendStr(b, fLang, r.Device.Lang)
	b = appendUint(b, fWidth, uint64(r.Device.Width))
	b = appendUint(b, fHeight, uint64(r.Device.Height))
	b = appendStr(b, fPage, r.Page)
	b = appendStr(b, fReferrer, r.Referrer)
	b = appendStr(b, fCampSource, r.Campaign.Source)
	b = appendStr(b, fCampMedium, r.Campaign.Medium)
	b = appendStr(b, fCampName, r.Campaign.Name)
	b = appendStr(b, fCampTerm, r.Campaign.Term)
	b = appendStr(b, fCampContent, r.Campaign.Content)
	b = appendUint(b, fGranted, r.Claims.Granted)
	b = appendUint(b, fRefused, r.Claims.Refused)
	b = appendBool(b, fUnreadable, r.Claims.Unreadable)
	b = appendBool(b, fRetry, r.Retry)
	b = appendBool(b, fClamped, r.Clamped)
	for i := range r.Props {
		b = appendProp(b, &r.Props[i])
	}
	return appendUint(b, fDropped, uint64(r.Dropped))
}

func appendProp(b []byte, p *Prop) []byte {
	return appendItem(b, fProp, func(b []byte) []byte {
		b = appendStr(b, pKey, p.Key)
		switch v := p.Value; v.kind {
		case Bool:
			b = protowire.AppendVarint(protowire.AppendTag(b, pBool, protowire.VarintType), v.num)
		case Int:
			b = protowire.AppendVarint(protowire.AppendTag(b, pInt, protowire.VarintType), protowire.EncodeZigZag(int64(v.num)))
		case Float:
			b = protowire.AppendFixed64(protowire.AppendTag(b, pFloat, protowire.Fixed64Type), v.num)
		case String:
			b = protowire.AppendString(protowire.AppendTag(b, pString, protowire.BytesType), v.str)
		}
		return b
	})
}

// view gives b as a string without a copy; it holds only as long as b is left alone.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// field is one decoded field of the wire encoding.
type field struct {
	num protowire.Number
	u   uint64 // varint or fixed64
	b   []byte // bytes
}

// nextField takes one field off b, or reports ErrMalformed.
func nextField(b []byte) (field, []byte, error) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return field{}, nil, ErrMalformed
	}
	b = b[n:]
	f := field{num: num}
	switch typ {
	case protowire.VarintType:
		f.u, n = protowire.ConsumeVarint(b)
	case protowire.Fixed64Type:
		f.u, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.b, n = protowire.ConsumeBytes(b)
	default:
		f.num = 0
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return field{}, nil, ErrMalformed
	}
	return f, b[n:], nil
}

func (r *Raw) set(f field, props []Prop) ([]Prop, error) {
	switch f.num {
	case fTenant:
		r.Tenant = view(f.b)
	case fType:
		r.Type = Type(f.u)
	case fName:
		r.Name = view(f.b)
	case fMessageID:
		r.MessageID = view(f.b)
	case fTime:
		r.Time = int64(f.u)
	case fReceived:
		r.Received = int64(f.u)
	case fPolicyRev:
		r.PolicyRev = uint32(f.u)
	case fUser:
		r.User = UserID{view(f.b)}
	case fInstall:
		r.Install = InstallID{view(f.b)}
	case fSession:
		r.Session = view(f.b)
	case fUserAgent:
		r.UserAgent = view(f.b)
	case fNet:
		return props, r.setNet(f.b)
	case fIPMac:
		if copy(r.IPMac[:], f.b) != 16 {
			return props, ErrMalformed
		}
	case fIPSealed:
		r.IPSealed = f.b
	case fCell:
		r.Place.Cell = view(f.b)
	case fCityOnly:
		r.Place.CityOnly = f.u != 0
	case fProp:
		p, err := decodeProp(f.b)
		return append(props, p), err
	default:
		r.setMore(f)
	}
	return props, nil
}

// setNet reads a network: one byte of length, then 16 of address; an IPv4 network is
// written as its mapped form with the length counted within the four bytes and 200 added.
func (r *Raw) setNet(b []byte) error {
	if len(b) != 17 {
		return ErrMalformed
	}
	a, bits := netip.AddrFrom16([16]byte(b[1:])), int(b[0])
	if bits >= netV4 {
		a, bits = a.Unmap(), bits-netV4
	}
	r.Net = netip.PrefixFrom(a, bits)
	if !r.Net.IsValid() {
		return ErrMalformed
	}
	return nil
}

func (r *Raw) setMore(f field) {
	switch f.num {
	case fOS:
		r.Device.OS = view(f.b)
	case fOSVersion:
		r.Device.OSVersion = view(f.b)
	case fModel:
		r.Device.Model = view(f.b)
	case fLang:
		r.Device.Lang = view(f.b)
	case fWidth:
		r.Device.Width = uint32(f.u)
	case fHeight:
		r.Device.Height = uint32(f.u)
	case fPage:
		r.Page = view(f.b)
	case fReferrer:
		r.Referrer = view(f.b)
	case fCampSource:
		r.Campaign.Source = view(f.b)
	case fCampMedium:
		r.Campaign.Medium = view(f.b)
	case fCampName:
		r.Campaign.Name = view(f.b)
	case fCampTerm:
		r.Campaign.Term = view(f.b)
	case fCampContent:
		r.Campaign.Content = view(f.b)
	case fGranted:
		r.Claims.Granted = f.u
	case fRefused:
		r.Claims.Refused = f.u
	case fUnreadable:
		r.Claims.Unreadable = f.u != 0
	case fRetry:
		r.Retry = f.u != 0
	case fClamped:
		r.Clamped = f.u != 0
	case fDropped:
		r.Dropped = uint16(min(f.u, math.MaxUint16))
	}
}

func decodeProp(b []byte) (p Prop, err error) {
	for len(b) > 0 {
		var f field
		if f, b, err = nextField(b); err != nil {
			return p, err
		}
		switch f.num {
		case pKey:
			p.Key = view(f.b)
		case pBool:
			p.Value = BoolValue(f.u != 0)
		case pInt:
			p.Value = IntValue(protowire.DecodeZigZag(f.u))
		case pFloat:
			p.Value = Value{kind: Float, num: f.u}
		case pString:
			p.Value = StringValue(view(f.b))
		}
	}
	return p, nil
}
