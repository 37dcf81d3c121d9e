package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/sluice-events/sluice/event"
)

// expectPid computes a pseudonym from the formula with nothing of the package.
func expectPid(purpose string, epoch int64, kind string, gen uint32, x []byte) string {
	key := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", tenant, purpose, epoch))
	m := hmac.New(sha256.New, key[:])
	fmt.Fprintf(m, "sluice.pid.v1\x00%s\x00%s\x00%s\x00", tenant, purpose, kind)
	m.Write(binary.BigEndian.AppendUint32(nil, gen))
	m.Write(x)
	return fmt.Sprintf("%x", m.Sum(nil)[:16])
}

func TestPidFormula(t *testing.T) {
	b := newBench(t, "cn-edu")
	a := b.person(AgeAdult, "improve", "personalize")
	raw := event.Raw{Name: "page_view", Page: "/a"}
	_, rows := b.run(raw, a)
	canon := []byte(tenant + "\x00user\x00user-canary")
	day := time.UnixMilli(testNow).UTC().Add(8*time.Hour).Unix() / 86400
	for store, want := range map[string]string{
		"ev_service":     expectPid("service", day, "user", 0, canon),
		"ev_improve":     expectPid("improve", day/30, "user", 0, canon),
		"ev_personalize": expectPid("personalize", 0, "user", 0, a.Secret[:]),
	} {
		if got := rows[store]["pid"]; got != want {
			t.Errorf("%s: pid %s, want %s", store, got, want)
		}
	}
	if rows["ev_service"]["row_id"] == rows["ev_improve"]["row_id"] || rows["ev_service"]["batch"] == rows["ev_improve"]["batch"] ||
		rows["ev_service"]["session"] == rows["ev_improve"]["session"] {
		t.Error("two stores share an id")
	}
	if got := rows["ev_improve"]["policy_rev"] + " " + rows["ev_improve"]["consent_rev"]; got != fmt.Sprintf("3 %d", a.Rev) {
		t.Errorf("policy and consent revision = %s", got)
	}
}

// The daily pseudonym turns at midnight in the policy's zone and not at midnight UTC.
func TestPidTurnsAtLocalMidnight(t *testing.T) {
	b := newBench(t, "cn-edu")
	p := b.person(AgeAdult)
	at := func(s string) string {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		_, rows := b.run(event.Raw{Name: "page_view", Page: "/a", Time: when.UnixMilli()}, p)
		return rows["ev_service"]["pid"]
	}
	before, after, later := at("2026-12-09T15:59:59Z"), at("2026-12-09T16:00:00Z"), at("2026-12-10T15:59:59Z")
	if before == after || after != later {
		t.Errorf("pids around midnight in Shanghai: %s %s %s", before, after, later)
	}
}

func TestWithdrawalRaisesTheGeneration(t *testing.T) {
	b := newBench(t, "cn-edu")
	a := b.person(AgeAdult, "personalize", "improve")
	raw := event.Raw{Name: "page_view", Page: "/a"}
	_, rows := b.run(raw, a)
	first := rows["ev_personalize"]["pid"]
	b.act(a, event.ActWithdraw, testNow-500, "personalize")
	if _, rows = b.run(raw, a); rows["ev_personalize"] != nil || rows["ev_improve"] == nil {
		t.Fatalf("after the withdrawal: %v", rows)
	}
	b.act(a, event.ActGrant, testNow-100, "personalize")
	if _, rows = b.run(raw, a); rows["ev_personalize"]["pid"] == first || rows["ev_personalize"]["pid"] == "" {
		t.Errorf("a new grant gave the pseudonym of before")
	}
	raw.Time = testNow - 300
	if _, rows = b.run(raw, a); rows["ev_personalize"] != nil {
		t.Errorf("an event from before the new grant was stored")
	}
}

func TestInstallPseudonym(t *testing.T) {
	f := func(id string, want bool) {
		t.Helper()
		if isRandomID(id) != want {
			t.Errorf("isRandomID(%q) = %v", id, !want)
		}
	}
	f(installUUID, true)
	f("0123456789abcdef", true)
	f("cnry3", false)
	f("13812345678", false)
	f("00000000000", false)
	f("王小明王小明王小明", false)
	f("a@b.example.org1", false)
	f("Zm9vYmFyMTIz", true)

	b := newBench(t, "cn-edu")
	raw := event.Raw{Name: "login", Net: testNet, IPMac: [16]byte{1}, Install: event.NewInstallID(installUUID), Props: []event.Prop{boo("ok", true)}}
	_, rows := b.run(raw, b.person(AgeAdult))
	day := time.UnixMilli(testNow).UTC().Add(8*time.Hour).Unix() / 86400
	if got, want := rows["ev_security"]["dev"], expectPid("security", day/90, "device", 0, []byte(installUUID)); got != want {
		t.Errorf("dev = %s, want %s", got, want)
	}
	if _, rows = b.run(raw, nil); rows["ev_security"]["dev"] != "" || rows["ev_security"]["pid"] != "" {
		t.Errorf("a row without a person has ids: %v", rows["ev_security"])
	}
}

// Two workers with the same keys give the same ids: what a replay relies on.
func TestRepeatable(t *testing.T) {
	a, b := newBench(t, "starter"), newBench(t, "starter")
	raw := event.Raw{Name: "x", MessageID: "m", Props: []event.Prop{str("product_id", "p7"), num("n", 3)}}
	_, one := a.run(raw, a.person(AgeUnknown, "analytics", "personalize"))
	_, two := b.run(raw, b.person(AgeUnknown, "analytics", "personalize"))
	if fmt.Sprint(one) != fmt.Sprint(two) || len(one) != 3 {
		t.Errorf("%v\n%v", one, two)
	}
}

func TestGrain(t *testing.T) {
	b := newBench(t, "cn-edu")
	at := time.Date(2026, 12, 9, 17, 13, 42, 0, time.UTC)
	pu := func(name string) int64 {
		p, _ := b.p.Purpose(name)
		return b.w.grain(at.UnixMilli(), p)
	}
	if got := pu("improve"); got != at.Truncate(time.Minute).Unix() {
		t.Errorf("minute grain = %d", got)
	}
	if got := pu("security"); got != at.Unix() {
		t.Errorf("second grain = %d", got)
	}
	if got, want := pu("survey"), time.Date(2026, 12, 9, 16, 0, 0, 0, time.UTC).Unix(); got != want {
		t.Errorf("day grain = %d, want local midnight %d", got, want)
	}
}
