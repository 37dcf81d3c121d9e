package policy

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	edu, starter := parsed(t, "cn-edu.yaml"), parsed(t, "starter.yaml")
	analytics, _ := starter.Purpose("analytics")
	improve, _ := edu.Purpose("improve")
	f := func(x Explanation, what, clause, advice string) {
		t.Helper()
		if x.What != what || x.Clause != clause || !strings.Contains(x.Advice, advice) {
			t.Errorf("%+v", x)
		}
	}
	f(starter.Explain("no_consent", analytics), "analytics: dropped, no consent", "GDPR 6(1)(a)", `context.consent with "analytics": true`)
	f(edu.Explain("no_consent", improve), "improve: dropped, no consent", "4-3", "can only narrow")
	f(edu.Explain("undeclared_event", nil), "dropped, the event is not in the tracking plan", "", "policy's events")
	f(edu.Explain("gremlins", nil), "gremlins: no such reason", "", "")
	f(edu.ExplainClass("identity_core"), "identity_core: never taken", "2.1", "do not send it")
	f(edu.ExplainClass("geo_point"), "geo_point: kept as a place no finer than the purpose may hold", "2.2.2-1", "location")
	f(edu.ExplainClass("nothing"), "nothing: no such class", "", "")
	f(edu.ExplainField("delivery_apply", "addr"), "dropped, the event is not in the tracking plan", "", "")
	f(edu.ExplainField("page_view", "colour"), "dropped, the event does not declare this field", "", "")
	f(edu.ExplainField("page_view", "phone"), "identity_core: never taken", "2.1", "")
	f(starter.ExplainField("Order Done", "total"), "text: kept, with ids and numbers of persons replaced by tokens", "", "column props")
}

// TestAdviceComplete: every reason says what it is and what to do.
func TestAdviceComplete(t *testing.T) {
	for reason, text := range reasonText {
		for _, p := range []*Purpose{nil, {Name: "analytics"}} {
			advice := Advice(reason, p)
			if text.what == "" || advice == "" || strings.Contains(advice, "{") {
				t.Errorf("%s: %q", reason, advice)
			}
		}
	}
	if Advice("gremlins", nil) != "" {
		t.Error("advice for a reason that does not exist")
	}
}
