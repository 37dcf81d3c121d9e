//go:build !goexperiment.runtimesecret

package seal

// erasing runs f. Built with GOEXPERIMENT=runtimesecret, it also erases the
// registers, stack and heap that f used.
func erasing(f func()) { f() }
