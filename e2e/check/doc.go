// Package check holds scripts that count inputs again, with nothing of sluice in them:
// Python and its standard library only. In go an input file and what the stores say, out
// come the differences. The package's tests try the scripts themselves.
package check
