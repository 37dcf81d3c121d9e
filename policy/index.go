package policy

// index holds the look-ups of a compiled policy.
type index struct {
	purposes  map[string]*Purpose
	features  map[string]*Feature
	names     map[string]*Class // folded property name -> the strictest class that claims it
	lengths   lengths           // of the keys of names
	consent   uint64
	detectors []string          // of forbidding classes, in the order of the detector table
	detected  map[string]string // detector -> the forbidding class it belongs to
}

// lengths is a sieve before a map of short names: by first byte, a bit for each length (64
// and more share one). It spares most misses the look-up.
type lengths [256]uint64

func (l *lengths) add(s string) { l[s[0]] |= lengthBit(len(s)) }

func (l *lengths) may(first byte, n int) bool { return l[first]&lengthBit(n) != 0 }

func lengthBit(n int) uint64 { return 1 << (min(n, maxNameLen) - 1) }

// class finds the class a path segment means, nil for none.
func (x *index) class(segment string) *Class {
	// Most segments share neither first byte nor length with any name: no need to look.
	if len(segment) == 0 || x.lengths[foldByte(segment[0])] == 0 && !skipped(segment[0]) {
		return nil
	}
	var buf [maxNameLen]byte
	name, ok := foldName(buf[:0], segment)
	if !ok || len(name) == 0 || !x.lengths.may(name[0], len(name)) {
		return nil
	}
	return x.names[string(name)]
}

// forbidden finds the forbidding class that any segment of the path means, the last first.
func (x *index) forbidden(path string) *Class {
	for end := len(path); end >= 0; {
		start := end
		for start > 0 && path[start-1] != '.' {
			start--
		}
		if c := x.class(path[start:end]); c != nil && c.Do == DoForbid {
			return c
		}
		end = start - 1
	}
	return nil
}

// indexNames fills the name list; of several classes the strictest has the name.
func (c *compiler) indexNames() {
	names := make(map[string]*Class)
	for _, cl := range c.classOrder {
		for _, list := range [][]string{kinds[cl.Name].names, cl.Names} {
			for _, n := range list {
				folded, ok := foldName(make([]byte, 0, maxNameLen), n)
				if !ok || len(folded) == 0 {
					continue
				}
				if had := names[string(folded)]; had == nil || cl.Do > had.Do {
					names[string(folded)] = cl
				}
			}
		}
	}
	c.p.index.names = names
	for n := range names {
		c.p.index.lengths.add(n)
	}
}

// buildIndex fills the rest once everything compiled.
func (c *compiler) buildIndex() {
	x := &c.p.index
	x.purposes, x.features = make(map[string]*Purpose), make(map[string]*Feature)
	for _, p := range c.p.Purposes {
		x.purposes[p.Name] = p
		if p.Declared && p.Refusable && p.NeedsConsent() {
			x.consent |= p.Mask()
		}
	}
	for _, f := range c.p.Features {
		x.features[f.Name] = f
	}
	x.detected = make(map[string]string)
	for _, cl := range c.classOrder {
		for _, d := range cl.Detect {
			if _, had := x.detected[d]; !had && cl.Do == DoForbid {
				x.detected[d] = cl.Name
			}
		}
	}
	for _, d := range detectors {
		if _, on := x.detected[d]; on {
			x.detectors = append(x.detectors, d)
		}
	}
}

// Event finds the entry that takes events of this name: its own, else "*".
func (p *Policy) Event(name string) (*Event, bool) {
	if e, ok := p.Events[name]; ok {
		return e, true
	}
	return p.Wild, p.Wild != nil
}

// Purpose finds a purpose by name, reserved ones included (see Purpose.Declared).
func (p *Policy) Purpose(name string) (*Purpose, bool) { q, ok := p.index.purposes[name]; return q, ok }

// Feature finds a feature by name.
func (p *Policy) Feature(name string) (*Feature, bool) { f, ok := p.index.features[name]; return f, ok }

// ConsentMask is the bits of all declared purposes that rest on consent.
func (p *Policy) ConsentMask() uint64 { return p.index.consent }

// ForbidDetectors lists the value detectors of all forbidding classes, each once. They run
// over every value whose class does not scrub. The caller must not change the slice.
func (p *Policy) ForbidDetectors() []string { return p.index.detectors }

// ClassOfDetector names the forbidding class under which a hit of a detector is counted, ""
// when no forbidding class looks for it.
func (p *Policy) ClassOfDetector(kind string) string { return p.index.detected[kind] }
