package event

// Batch holds the decoded items of message bodies. It is reused: Reset keeps the memory.
// It is not safe for concurrent use, and everything in it points into the bodies.
type Batch struct {
	Items []Item
	Raws  []Raw
	Acts  []Act
	props []Prop
	spans [][2]int // of props, one per Raw
}

// Item is one thing in order of arrival: an event when Act is false.
type Item struct {
	Act    bool
	At     int   // its place in Raws or Acts
	Offset int64 // of the message
	Index  int32 // within the message
}

// Reset empties the batch and drops every reference to the bodies.
func (b *Batch) Reset() {
	clear(b.Raws)
	clear(b.Acts)
	clear(b.props)
	b.Items, b.Raws, b.Acts = b.Items[:0], b.Raws[:0], b.Acts[:0]
	b.props, b.spans = b.props[:0], b.spans[:0]
}

// Add decodes one message body, which must not change while the batch is in use. On
// ErrMalformed the batch is as it was before. Call Link once all bodies are added.
func (b *Batch) Add(body []byte, offset int64) error {
	items, raws, acts, props := len(b.Items), len(b.Raws), len(b.Acts), len(b.props)
	for i := int32(0); len(body) > 0; i++ {
		f, rest, err := nextField(body)
		body = rest
		if err == nil {
			err = b.add(f, offset, i)
		}
		if err != nil {
			b.Items, b.Raws, b.Acts, b.props = b.Items[:items], b.Raws[:raws], b.Acts[:acts], b.props[:props]
			b.spans = b.spans[:raws]
			return err
		}
	}
	return nil
}

func (b *Batch) add(item field, offset int64, index int32) error {
	switch item.num {
	case itemEvent:
		b.Raws = append(b.Raws, Raw{})
		r, from := &b.Raws[len(b.Raws)-1], len(b.props)
		for rest := item.b; len(rest) > 0; {
			f, more, err := nextField(rest)
			if err != nil {
				return err
			}
			if b.props, err = r.set(f, b.props); err != nil {
				return err
			}
			rest = more
		}
		b.spans = append(b.spans, [2]int{from, len(b.props)})
		b.Items = append(b.Items, Item{At: len(b.Raws) - 1, Offset: offset, Index: index})
	case itemAct:
		b.Acts = append(b.Acts, Act{})
		a := &b.Acts[len(b.Acts)-1]
		for rest := item.b; len(rest) > 0; {
			f, more, err := nextField(rest)
			if err != nil {
				return err
			}
			a.set(f)
			rest = more
		}
		b.Items = append(b.Items, Item{Act: true, At: len(b.Acts) - 1, Offset: offset, Index: index})
	}
	return nil
}

// Link hands each event its properties. Appending may have moved the arena, so this is
// done once at the end.
func (b *Batch) Link() {
	for i := range b.Raws {
		s := b.spans[i]
		b.Raws[i].Props = b.props[s[0]:s[1]:s[1]]
	}
}
