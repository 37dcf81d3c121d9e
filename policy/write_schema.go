package policy

import (
	"encoding/json"
	"fmt"
	"io"
)

// js is one JSON Schema object; encoding/json writes its keys in alphabetical order.
type js map[string]any

// WriteSchema writes the tracking plan as JSON Schema 2020-12: under $defs one schema for
// the properties of each event. Fields of forbidding classes are false: they must not be
// sent. x-… keywords carry class, purposes, unit and owner.
func (p *Policy) WriteSchema(w io.Writer) error {
	defs := js{}
	for _, e := range p.Order {
		defs[e.Name] = e.schema()
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(js{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     fmt.Sprintf("urn:sluice:policy:%s:%d", p.Name, p.Rev),
		"title":   fmt.Sprintf("Tracking plan of policy %s, revision %d", p.Name, p.Rev),
		"$defs":   defs,
	})
}

func (e *Event) schema() js {
	props := js{}
	required := []string{}
	for _, f := range e.Fields {
		props[f.Name] = f.schema(e)
		if f.Was != "" {
			props[f.Was] = js{"deprecated": true, "description": "former name of " + f.Name}
		}
		if f.Required {
			required = append(required, f.Name)
		}
	}
	var purposes []string
	for _, q := range e.Purposes {
		purposes = append(purposes, q.Name)
	}
	s := js{"type": "object", "properties": props, "additionalProperties": e.WildText != nil, "x-purposes": purposes}
	if len(required) > 0 {
		s["required"] = required
	}
	if len(e.Item) > 0 {
		s["x-item"] = e.Item
	}
	return s
}

func (f *Field) schema(e *Event) any {
	if f.Class.Do == DoForbid {
		return false
	}
	s := f.shape()
	s["x-class"] = f.Class.Name
	var held []string
	for _, q := range e.Purposes {
		if e.Takes(q, f.Name) && f.Class.Holds(q, "") {
			held = append(held, q.Name)
		}
	}
	s["x-purposes"] = append([]string{}, held...)
	for key, v := range map[string]string{"description": f.Desc, "x-unit": f.Unit, "x-owner": f.Owner} {
		if v != "" {
			s[key] = v
		}
	}
	return s
}

// shape is what the value must look like. Ids may be numbers; a decimal may be a string,
// so that no digit is lost on the way.
func (f *Field) shape() js {
	if s := objectShape(f.Class); s != nil {
		return s
	}
	if len(f.Enum) > 0 {
		return js{"enum": f.Enum}
	}
	switch f.Type {
	case TypeBool:
		return js{"type": "boolean"}
	case TypeInt:
		return js{"type": "integer"}
	case TypeUint, TypeDurationMS:
		return js{"type": "integer", "minimum": 0}
	case TypeFloat:
		return js{"type": "number"}
	case TypeDecimal:
		return js{"type": []string{"number", "string"}}
	case TypeTime:
		return js{"type": []string{"string", "integer"}, "format": "date-time"}
	case TypeID:
		return js{"type": []string{"string", "integer"}}
	}
	return js{"type": "string"}
}

// objectShape is the shape of classes whose values are objects, nil for all others.
func objectShape(c *Class) js {
	text, number := js{"type": "string"}, js{"type": "number"}
	var props js
	switch c.Name {
	case "device_info":
		props = js{"os": text, "os_version": text, "model": text, "screen": text, "ua": text, "lang": text}
	case "device_id":
		props = js{"install_id": text, "idfv": text, "android_id": text, "openid": text}
	case "campaign":
		props = js{"source": text, "medium": text, "name": text, "term": text, "content": text}
	case "geo_point":
		return js{"type": "object", "properties": js{"lat": number, "lon": number, "crs": js{"enum": []string{"wgs84", "gcj02", "bd09"}}, "src": text},
			"required": []string{"lat", "lon"}, "additionalProperties": false}
	case "media_meta":
		props = js{"kind": js{"enum": []string{"image", "video"}}, "size": js{"type": "integer", "minimum": 0}, "taken": text,
			"exif": js{"type": "object", "properties": js{"GPSLatitude": number, "GPSLongitude": number}, "additionalProperties": false}}
	default:
		return nil
	}
	return js{"type": "object", "properties": props, "additionalProperties": false}
}
