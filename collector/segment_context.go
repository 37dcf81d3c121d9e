package collector

// context reads the context object of a call. What the policy could declare under its own
// name goes into the properties as fromContext; noise of SDKs is passed over.
func (d *segmentDecoder) context(m *message) error {
	c := &m.ctx
	_, err := d.scan.object(func(key string) (err error) {
		switch key {
		case "page":
			return d.contextPage(c)
		case "userAgent":
			c.ua, err = d.scan.label()
		case "locale":
			c.lang, err = d.scan.label()
		case "ip":
			c.ip, err = d.scan.label()
		case "os":
			return d.pairOf(&c.os, "name", &c.osVersion, "version")
		case "device":
			return d.pairOf(&c.model, "model", nil, "")
		case "screen":
			return d.contextScreen(c)
		case "campaign":
			return d.contextCampaign(c)
		case "location":
			return d.contextLocation(c)
		case "sessionId":
			m.session, err = d.scan.label()
		case "consent":
			return d.segmentConsent(m)
		case "consentManagement":
			return d.rudderConsent(m)
		case "traits":
			return d.objectOrSkip("", fromUserTraits)
		case "library", "userAgentData", "plugins", "protocols", "integrations", "sessionStart", "direct", "groupId":
			return d.scan.skip()
		default:
			return d.flattenMember("", key, fromContext)
		}
		return err
	})
	return err
}

func (d *segmentDecoder) contextPage(c *clientContext) error {
	_, err := d.scan.object(func(key string) (err error) {
		switch key {
		case "url":
			c.page, err = d.scan.label()
		case "referrer":
			c.referrer, err = d.scan.label()
			c.referrer = referrer(c.referrer)
		case "title":
			return d.flatten("title", fromContext)
		default: // path, search and the like are pieces of the address
			return d.scan.skip()
		}
		return err
	})
	return err
}

// pairOf reads two members of an object into a and b; a nil b is left out.
func (d *segmentDecoder) pairOf(a *string, aKey string, b *string, bKey string) error {
	_, err := d.scan.object(func(key string) (err error) {
		switch {
		case key == aKey:
			*a, err = d.scan.label()
		case b != nil && key == bKey:
			*b, err = d.scan.label()
		default:
			err = d.scan.skip()
		}
		return err
	})
	return err
}

func (d *segmentDecoder) contextScreen(c *clientContext) error {
	_, err := d.scan.object(func(key string) (err error) {
		switch key {
		case "width":
			c.width, err = d.pixels()
		case "height":
			c.height, err = d.pixels()
		default:
			err = d.scan.skip()
		}
		return err
	})
	return err
}

func (d *segmentDecoder) contextCampaign(c *clientContext) error {
	g := &c.campaign
	_, err := d.scan.object(func(key string) (err error) {
		switch key {
		case "source":
			g.Source, err = d.scan.label()
		case "medium":
			g.Medium, err = d.scan.label()
		case "name":
			g.Name, err = d.scan.label()
		case "term":
			g.Term, err = d.scan.label()
		case "content":
			g.Content, err = d.scan.label()
		default:
			err = d.scan.skip()
		}
		return err
	})
	return err
}

func (d *segmentDecoder) contextLocation(c *clientContext) error {
	_, err := d.scan.object(func(key string) error {
		part := notCoordinate
		switch key {
		case "latitude":
			part = latitude
		case "longitude":
			part = longitude
		case "crs":
			part = system
		}
		return d.coordinate(&c.point, part)
	})
	return err
}

// coordinate reads one part of a position; what is none is passed over.
func (r *request) coordinate(p *point, part coordinate) error {
	if k := r.scan.kind(); part == notCoordinate || k == '{' || k == '[' {
		return r.scan.skip()
	}
	v, err := r.scan.scalar()
	if err == nil {
		p.take(part, v)
	}
	return err
}

// pixels reads a screen dimension; nonsense gives 0.
func (r *request) pixels() (uint32, error) {
	if k := r.scan.kind(); k == '{' || k == '[' {
		return 0, r.scan.skip()
	}
	v, err := r.scan.scalar()
	if f := v.Float(); err == nil && f >= 1 && f <= 1<<16 {
		return uint32(f), nil
	}
	return 0, err
}
