package seal

import (
	"errors"
	"fmt"
)

// The sentinels callers decide by, with errors.Is. No error of this package
// carries a value it was given.
var (
	// ErrNoPublicKey: no public key is published for the current hour (or, for
	// addresses, month). Nothing was sealed; the collector answers 503.
	ErrNoPublicKey = errors.New("seal: no public key for the current hour")

	// ErrKeyExpired: the private half this blob was sealed to is not in the
	// keyring any more. The blob can never be opened.
	ErrKeyExpired = errors.New("seal: the key of that hour is gone")

	// ErrCorrupt: the bytes are not what was sealed, or were never sealed here.
	// Trying again does not help.
	ErrCorrupt = errors.New("seal: sealed bytes do not verify")

	// ErrTooLarge: a body over the limit. From an Opener it is also ErrCorrupt,
	// since no Sealer with the same limit wrote it.
	ErrTooLarge = fmt.Errorf("%w: body over the limit", ErrCorrupt)

	// ErrUnsupported: a version, suite, compression or use this build does not
	// know. A newer build may; stand still rather than throw the blob away.
	ErrUnsupported = errors.New("seal: unknown version or suite")

	// ErrNoKey: the key was never made, or has been destroyed.
	ErrNoKey = errors.New("seal: no such key")

	// ErrKEKWorn: the KEK has sealed as many records as is safe. Roll it.
	ErrKEKWorn = errors.New("seal: KEK has sealed its limit of records")

	// ErrExposed: a key file or folder is open to other accounts.
	ErrExposed = errors.New("seal: key file or folder is open to others")

	// ErrBadRecord: a key file that is damaged, or is not the key its name says.
	ErrBadRecord = errors.New("seal: key record is damaged")
)
