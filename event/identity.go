package event

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
)

// redacted is what an identifying value shows of itself wherever it is printed.
const redacted = "[redacted]"

// UserID is the id the operator gave a person. It prints as [redacted].
type UserID struct{ v string }

// NewUserID wraps an id. Blanks around it must be trimmed by the caller.
func NewUserID(s string) UserID { return UserID{s} }

// Reveal gives the id itself. Every call is listed by the architecture test.
func (u UserID) Reveal() string { return u.v }

// IsZero reports whether no user id came along.
func (u UserID) IsZero() bool { return u.v == "" }

func (u UserID) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (u UserID) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (u UserID) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// InstallID is the id an SDK gave an installation of a site or an app. It prints as [redacted].
type InstallID struct{ v string }

// NewInstallID wraps an id.
func NewInstallID(s string) InstallID { return InstallID{s} }

// Reveal gives the id itself. Every call is listed by the architecture test.
func (i InstallID) Reveal() string { return i.v }

// IsZero reports whether no install id came along.
func (i InstallID) IsZero() bool { return i.v == "" }

func (i InstallID) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (i InstallID) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (i InstallID) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Addr is a full network address. It exists in collector memory only and prints as
// [redacted]; netip.Addr itself would print.
type Addr struct{ v netip.Addr }

// NewAddr wraps an address.
func NewAddr(a netip.Addr) Addr { return Addr{a} }

// Reveal gives the address itself. Every call is listed by the architecture test.
func (a Addr) Reveal() netip.Addr { return a.v }

func (a Addr) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (a Addr) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (a Addr) MarshalText() ([]byte, error) { return []byte(redacted), nil }
