package privacy

import (
	"testing"

	"github.com/sluice-events/sluice/event"
	"pgregory.net/rapid"
)

func TestApply(t *testing.T) {
	b := newBench(t, "cn-edu")
	improve, _ := b.p.Purpose("improve")
	type act struct {
		kind event.ActKind
		at   int64
	}
	f := func(name string, want State, since int64, acts ...act) {
		t.Helper()
		p := NewPerson(1)
		for i, a := range acts {
			p.Apply(&event.Act{Install: event.NewInstallID("i"), Kind: a.kind, Bits: improve.Mask(), Time: a.at, Received: a.at}, Position{Offset: int64(i)}, b.p)
		}
		if g := p.Grant(improve.Bit); g.State != want || g.State == Granted && g.Since != since {
			t.Errorf("%s: %v since %d, want %v since %d", name, g.State, g.Since, want, since)
		}
	}
	grant, refuse, withdraw := event.ActGrant, event.ActRefuse, event.ActWithdraw
	f("nothing", Unset, 0)
	f("grant", Granted, 10, act{grant, 10})
	f("refuse", Refused, 0, act{refuse, 10})
	f("withdraw", Withdrawn, 0, act{grant, 10}, act{withdraw, 20})
	f("withdraw first", Refused, 0, act{withdraw, 20})
	f("an older grant after a refusal", Refused, 0, act{refuse, 20}, act{grant, 10})
	f("grant and refusal at once", Withdrawn, 0, act{grant, 10}, act{refuse, 10})
	f("refusal and grant at once", Refused, 0, act{refuse, 10}, act{grant, 10})
	f("granted again", Granted, 30, act{grant, 10}, act{withdraw, 20}, act{grant, 30})
	f("an older grant moves the beginning", Granted, 5, act{grant, 10}, act{grant, 5})
	f("an older refusal leaves a newer grant", Granted, 10, act{grant, 10}, act{refuse, 5})
	f("and bounds how far back it can move", Granted, 10, act{grant, 10}, act{refuse, 5}, act{grant, 4})
}

func TestApplyIsIdempotent(t *testing.T) {
	b := newBench(t, "cn-edu")
	p := b.person(AgeAdult, "improve")
	rev := p.Rev
	a := event.Act{Install: event.NewInstallID("i"), Kind: event.ActWithdraw, Bits: b.mask("improve"), Time: testNow, Received: testNow}
	if p.Apply(&a, p.Applied, b.p) || p.Rev != rev {
		t.Error("an act at the position applied last was applied again")
	}
}

// A grant for a user id without the operator's token changes nothing where signals cannot
// grant; a refusal needs no token.
func TestUserGrantNeedsToken(t *testing.T) {
	b := newBench(t, "cn-edu")
	improve, _ := b.p.Purpose("improve")
	p := NewPerson(1)
	a := event.Act{User: event.NewUserID("u"), Kind: event.ActGrant, Bits: improve.Mask(), Time: 10, Received: 10}
	if p.Apply(&a, Position{Offset: 1}, b.p) {
		t.Error("a grant without a token was applied")
	}
	a.Verified = true
	if !p.Apply(&a, Position{Offset: 2}, b.p) || p.Grant(improve.Bit).State != Granted {
		t.Error("a grant with a token was not applied")
	}
	a.Verified, a.Kind, a.Time = false, event.ActWithdraw, 20
	if !p.Apply(&a, Position{Offset: 3}, b.p) || p.Grant(improve.Bit).State != Withdrawn {
		t.Error("a withdrawal without a token was not applied")
	}
}

// Whatever the acts: nothing is granted while the last word at or after the grant is a
// refusal, and bits nobody can refuse stay untouched.
func TestApplyNeverWidens(t *testing.T) {
	b := newBench(t, "cn-edu")
	improve, _ := b.p.Purpose("improve")
	service, _ := b.p.Purpose("service")
	rapid.Check(t, func(t *rapid.T) {
		p := NewPerson(1)
		var lastNo, lastYes int64 = -1, -1
		n := rapid.IntRange(1, 12).Draw(t, "n")
		for i := range n {
			at := rapid.Int64Range(1, 20).Draw(t, "at")
			kind := rapid.SampledFrom([]event.ActKind{event.ActGrant, event.ActRefuse, event.ActWithdraw}).Draw(t, "kind")
			p.Apply(&event.Act{Install: event.NewInstallID("i"), Kind: kind, Bits: ^uint64(0), Time: at, Received: at}, Position{Offset: int64(i)}, b.p)
			if kind == event.ActGrant {
				lastYes = max(lastYes, at)
			} else {
				lastNo = max(lastNo, at)
			}
		}
		g := p.Grant(improve.Bit)
		if g.State == Granted && lastYes <= lastNo {
			t.Fatalf("granted, though the last refusal is at %d and the last grant at %d", lastNo, lastYes)
		}
		if g.State == Granted && g.Since <= lastNo {
			t.Fatalf("granted since %d, across a refusal at %d", g.Since, lastNo)
		}
		if p.Grant(service.Bit).State != Unset {
			t.Fatal("an act touched a purpose that nobody can refuse")
		}
	})
}

func TestMinors(t *testing.T) {
	b := newBench(t, "cn-edu")
	play := event.Raw{Name: "lesson_play", Props: []event.Prop{str("item_id", "l1")}}
	child := b.person(AgeUnder14, "improve")
	if _, rows := b.run(play, child); len(rows) != 0 {
		t.Errorf("a child's own grant counted: %v", rows)
	}
	child.Guardian = testNow + 1
	if _, rows := b.run(play, child); rows["ev_improve"] == nil {
		t.Error("with the guardian's act nothing was stored")
	}
	child.Guardian = testNow
	if _, rows := b.run(play, child); len(rows) != 0 {
		t.Error("an expired guardian's act counted")
	}
}

func TestGrantExpires(t *testing.T) {
	b := newBench(t, "cn-edu")
	a := b.person(AgeAdult, "improve")
	raw := event.Raw{Name: "search", Props: []event.Prop{str("q", "x")}}
	a.Grants[0].Until = testNow + 1
	if _, rows := b.run(raw, a); rows["ev_improve"] == nil {
		t.Error("a grant in force stored nothing")
	}
	a.Grants[0].Until = testNow
	if v, rows := b.run(raw, a); rows["ev_improve"] != nil || v.Reason != NoConsent {
		t.Errorf("an expired grant counted: %v %v", v.Reason, rows)
	}
}

// An older refusal that arrives behind a grant is a change of the record: a grant older
// still must meet it after a restart as well.
func TestOlderRefusalIsKept(t *testing.T) {
	b := newBench(t, "cn-edu")
	improve, _ := b.p.Purpose("improve")
	const hour = 3600_000
	p := NewPerson(1)
	apply := func(offset int64, kind event.ActKind, at int64) bool {
		return p.Apply(&event.Act{Install: event.NewInstallID("i"), Kind: kind, Bits: improve.Mask(), Time: at, Received: at}, Position{Offset: offset}, b.p)
	}
	apply(0, event.ActGrant, 10*hour)
	if !apply(1, event.ActRefuse, 5*hour) {
		t.Error("the refusal would not be written")
	}
	apply(2, event.ActGrant, 4*hour)
	if g := p.Grant(improve.Bit); g.State != Granted || g.Since != 10*hour {
		t.Errorf("%v since %d, want granted since the later act", g.State, g.Since/hour)
	}
}
