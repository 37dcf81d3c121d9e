package privacy

import (
	"encoding/binary"
	"fmt"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
)

// ID is a pseudonym, row id, session id or batch id as the stores hold it.
type ID = [16]byte

// Keys hands out the random key of a tenant, purpose and epoch, made on first use. Epoch 0
// is the key of purposes with lasting pseudonyms. Called by one worker at a time.
type Keys interface {
	Pid(tenant, purpose string, epoch int64) (seal.Key, error)
	Batch(purpose string) (seal.Key, error)
}

// Secrets gives a person the random secret that lasting pseudonyms are made of, and sees
// to it that the ledger has it before a row made with it is stored.
type Secrets interface {
	Draw(canon []byte, p *Person) error
}

type macKey struct {
	tenant, purpose string
	epoch           int64
}

// pseudonymize is the last step: it replaces the person by the ids of each purpose and
// writes the rows. Only here does a row come into being.
func (w *Worker) pseudonymize(c coarse) (v Verdict, err error) {
	w.cur = c // kept in the worker, since its address travels
	for i := range c.plan.purposes {
		pp := &c.plan.purposes[i]
		if c.allowed&(1<<pp.purpose.Index) == 0 {
			continue
		}
		if pp.purpose.NeedsItem && c.item == "" {
			w.withheld[pp.purpose.Index] = NoItem
			continue
		}
		r := &w.row
		*r = row{c: &w.cur, pp: pp}
		if pp.geo {
			r.geo, r.level = w.where(r.c, pp)
		}
		if !w.pol.KeepEmpty && pp.fields > 0 && w.isEmpty(r) {
			w.withheld[pp.purpose.Index] = Empty
			continue
		}
		if err := w.identify(r); err != nil {
			return v, err
		}
		w.appendRow(r)
		v.Stores |= 1 << pp.purpose.Index
	}
	return v, nil
}

// identify fills the ids of one row.
func (w *Worker) identify(r *row) error {
	c, pu := r.c, r.pp.purpose
	r.ts = w.grain(c.raw.Time, pu)
	mac, err := w.mac(c.raw.Tenant, pu, w.epoch(c.raw.Time, pu))
	if err != nil {
		return err
	}
	w.msg = append(append(w.msg[:0], "row\x00"...), c.raw.MessageID...)
	mac.Sum128(&r.rowID, w.msg)
	if c.noPid {
		return nil
	}
	if err := w.pid(mac, &r.pid, c, pu); err != nil {
		return err
	}
	if len(c.sub.Session) > 0 {
		w.msg = append(append(append(append(w.msg[:0], "session\x00"...), r.pid[:]...), 0), c.sub.Session...)
		mac.Sum128(&r.session, w.msg)
		r.seq = c.sub.Seq
	}
	if inst := c.raw.Install.Reveal(); isRandomID(inst) {
		w.msg = appendPidHead(w.msg[:0], c.raw.Tenant, pu.Name, "device", 0)
		w.msg = append(w.msg, inst...)
		mac.Sum128(&r.dev, w.msg)
	}
	return nil
}

// pid makes the pseudonym of the event's subject for one purpose.
func (w *Worker) pid(mac *seal.MAC, dst *ID, c *coarse, pu *policy.Purpose) error {
	gen, x := uint32(0), c.sub.Canon
	if pu.Lasting {
		p := c.sub.Person
		if !p.HasSecret {
			if err := w.secrets.Draw(c.sub.Canon, p); err != nil {
				return fmt.Errorf("privacy: secret: %w", err)
			}
		}
		gen, x = p.Generation(pu), p.Secret[:]
	}
	w.msg = appendPidHead(w.msg[:0], c.raw.Tenant, pu.Name, c.sub.Kind.String(), gen)
	w.msg = append(w.msg, x...)
	mac.Sum128(dst, w.msg)
	return nil
}

// appendPidHead appends what precedes the id in the message of a pseudonym:
// "sluice.pid.v1" 0 tenant 0 purpose 0 kind 0 gen, the generation in four bytes.
func appendPidHead(b []byte, tenant, purpose, kind string, gen uint32) []byte {
	b = append(append(b, "sluice.pid.v1\x00"...), tenant...)
	b = append(append(b, 0), purpose...)
	b = append(append(b, 0), kind...)
	return binary.BigEndian.AppendUint32(append(b, 0), gen)
}

// Pid computes forward the pseudonym of a subject for one purpose at a moment (Unix ms). It
// serves look-ups by id; there is no way back. secret is the ledger's, used by purposes with
// lasting ids only.
func Pid(keys Keys, p *policy.Policy, pu *policy.Purpose, tenant string, kind event.SubjectKind, canon []byte, person *Person, at int64) (ID, error) {
	w := Worker{pol: p, keys: keys, macs: make(map[macKey]*seal.MAC)}
	mac, err := w.mac(tenant, pu, w.epoch(at, pu))
	if err != nil {
		return ID{}, err
	}
	if pu.Lasting && (person == nil || !person.HasSecret) {
		return ID{}, ErrNoRecord
	}
	raw := event.Raw{Tenant: tenant}
	c := coarse{decided: decided{raw: &raw, sub: &Subject{Kind: kind, Canon: canon, Person: person}}}
	var id ID
	return id, w.pid(mac, &id, &c, pu)
}

// mac gives the kept MAC state of a key.
func (w *Worker) mac(tenant string, pu *policy.Purpose, epoch int64) (*seal.MAC, error) {
	k := macKey{tenant, pu.Name, epoch}
	if m := w.macs[k]; m != nil {
		return m, nil
	}
	key, err := w.keys.Pid(tenant, pu.Name, epoch)
	if err != nil {
		return nil, fmt.Errorf("privacy: key of %s: %w", pu.Name, err)
	}
	if len(w.macs) >= maxMACs {
		clear(w.macs)
	}
	m, err := seal.NewMAC(key)
	if err != nil {
		return nil, err
	}
	k.tenant = string(append([]byte(nil), tenant...)) // the event's memory is reused
	w.macs[k] = m
	return m, nil
}

// maxMACs bounds the kept MAC states of a worker: far more than live epochs.
const maxMACs = 4096

// epoch numbers the calendar epoch a moment lies in, counted in whole local days; lasting
// purposes have epoch 0 alone.
func (w *Worker) epoch(ms int64, pu *policy.Purpose) int64 {
	if pu.Lasting {
		return 0
	}
	return floorDiv(w.localDay(ms), int64(pu.PidDays))
}

// isRandomID reports whether an install id can be a random one of at least 64 bits: a
// UUID, 16 or more hex digits, or 11 or more characters of base64 that mix letters and
// digits. Anything else (a phone, a name) has too small a domain for a keyed pseudonym.
func isRandomID(s string) bool {
	if len(s) < 11 || len(s) > 128 {
		return false
	}
	hex, digits, letters := 0, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
			hex++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			letters++
			hex++
		case c >= 'g' && c <= 'z' || c >= 'G' && c <= 'Z':
			letters++
		case c == '-' || c == '_' || c == '+' || c == '/' || c == '=':
		default:
			return false
		}
	}
	if digits == 0 || letters == 0 {
		return false
	}
	if hex == digits+letters {
		return hex >= 16
	}
	return digits+letters >= 11
}

// RowID computes forward the id of the row that a message leaves in the store of a purpose;
// at is the event's time in Unix ms.
func RowID(keys Keys, p *policy.Policy, pu *policy.Purpose, tenant, messageID string, at int64) (id ID, err error) {
	w := Worker{pol: p, keys: keys, macs: make(map[macKey]*seal.MAC)}
	mac, err := w.mac(tenant, pu, w.epoch(at, pu))
	if err != nil {
		return id, err
	}
	mac.Sum128(&id, append([]byte("row\x00"), messageID...))
	return id, nil
}
