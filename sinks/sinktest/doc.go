// Package sinktest is what every sink must pass. In comes a Harness: a way to open the sink
// on empty tables made for Policy, and to look at what is stored. Run holds the sink to the
// contract of package sinks. The batches come from Maker, which runs the real privacy
// stages, because nothing else can make one; so this package, alone beside privacy, imports
// both event and sinks.
package sinktest
