package collector

import "unsafe"

// What every dialect does alike while it decodes: open messages, gather their properties
// and choices in the request's slices, and sort out what a batch says for all its items.

// addMessage opens message number len(msgs). The pointer holds until the next call.
func (r *request) addMessage() (*message, error) {
	if len(r.msgs) >= r.limit.events {
		return nil, r.scan.fail(codeMany)
	}
	var err error
	if r.msgs, err = room(r, r.msgs, 1); err != nil {
		return nil, err
	}
	r.msgs = append(r.msgs, message{index: len(r.msgs)})
	return &r.msgs[len(r.msgs)-1], nil
}

func (r *request) addProp(p prop) (err error) {
	if r.props, err = room(r, r.props, 1); err == nil {
		r.props = append(r.props, p)
	}
	return err
}

func (r *request) addChoice(c choice) (err error) {
	if r.choices, err = room(r, r.choices, 1); err == nil {
		r.choices = append(r.choices, c)
	}
	return err
}

// room makes sure that n more elements fit into s. What s grows by is charged to the
// in-flight budget: a property of a few bytes takes many times that once it is decoded.
func room[T any](r *request, s []T, n int) ([]T, error) {
	if cap(s)-len(s) >= n {
		return s, nil
	}
	size := max(2*cap(s), len(s)+n, 16)
	if !r.charge((size - cap(s)) * int(unsafe.Sizeof(*new(T)))) {
		return s, errBodyFull
	}
	grown := make([]T, len(s), size)
	copy(grown, s)
	clear(s)
	return grown, nil
}

// object reads the object of one event into m: what member takes of it, where its
// properties and choices lie, and how large it is. What is no object is refused, and so is
// what has a flaw; a flaw of an object inside it that was read as an event stays there.
func (r *request) object(m *message, member func(key string) error) error {
	m.props, m.choices = span{len(r.props), len(r.props)}, span{len(r.choices), len(r.choices)}
	if r.scan.kind() != '{' {
		m.refuse(reasonSchema)
		return r.scan.skip()
	}
	if err := r.scan.open(); err != nil {
		return err
	}
	start := r.scan.offset() - 1
	around := r.scan.flaw
	r.scan.flaw = syntaxError{}
	for r.scan.more() {
		key, err := r.scan.str()
		if err == nil {
			err = member(key)
		}
		if err != nil {
			return err
		}
		if r.scan.flaw.code != "" && m.flaw.code == "" {
			m.flaw = r.scan.flaw
			m.refuseField(reasonSchema, schemaKey(key))
		}
	}
	r.scan.flaw = around
	if err := r.scan.close(); err != nil {
		return err
	}
	m.props.to, m.choices.to = len(r.props), len(r.choices)
	m.size = r.scan.offset() - start
	return nil
}

// list reads the array that comes next and calls one for each element, which must read it.
func (r *request) list(one func() error) error {
	if err := r.scan.open(); err != nil {
		return err
	}
	start := r.scan.offset()
	for r.scan.more() {
		if err := one(); err != nil {
			return err
		}
	}
	r.listed += r.scan.offset() - start
	return r.scan.close()
}

// oversized reports whether m is larger than an event may be.
func (r *request) oversized(m *message) bool {
	return m.size > int64(r.limit.event) || m.props.to-m.props.from > r.limit.props
}

// base is where the properties and consent choices lie that belong to every item.
type base struct{ props, choices span }

// splitBase finds what was read outside of all messages and puts it behind them, for a
// batch may name its context before or after its items. outer is the whole document.
func (r *request) splitBase(outer *message) (err error) {
	if (outer.size-r.listed)*int64(len(r.msgs)) > r.limit.merged {
		return r.scan.fail(codeLarge)
	}
	moreProps, moreChoices := len(r.props), len(r.choices)
	for i := range r.msgs {
		m := &r.msgs[i]
		moreProps -= m.props.to - m.props.from
		moreChoices -= m.choices.to - m.choices.from
	}
	if r.props, err = room(r, r.props, moreProps); err != nil {
		return err
	}
	if r.choices, err = room(r, r.choices, moreChoices); err != nil {
		return err
	}
	r.base.props.from = len(r.props)
	r.base.choices.from = len(r.choices)
	props, choices := r.base.props.from, r.base.choices.from
	p, c := 0, 0
	for i := range r.msgs {
		m := &r.msgs[i]
		r.props = append(r.props, r.props[p:m.props.from]...)
		r.choices = append(r.choices, r.choices[c:m.choices.from]...)
		p, c = m.props.to, m.choices.to
	}
	r.props = append(r.props, r.props[p:props]...)
	r.choices = append(r.choices, r.choices[c:choices]...)
	r.base.props.to, r.base.choices.to = len(r.props), len(r.choices)
	return nil
}
