//go:build goexperiment.runtimesecret

package seal

import "runtime/secret"

// erasing runs f and erases the registers, stack and heap that f used.
func erasing(f func()) { secret.Do(f) }
