package detect

import "strings"

const minImage = 64 // characters of base64: less is no picture

func isBase64(c byte) bool { return isBase64URL(c) || c == '+' || c == '/' || c == '=' }

// dataURI looks for "data:image/…", the colon at i. All that belongs to it is
// one hit.
func (f *finder) dataURI(i int) bool {
	start := i - len("data")
	if start < f.done || !strings.EqualFold(f.s[start:i], "data") || !foldPrefix(f.s[i+1:], "image/") {
		return false
	}
	end := i
	for end < len(f.s) && f.s[end] > ' ' && strings.IndexByte("\"'<>()", f.s[end]) < 0 {
		end++
	}
	return f.hit(FaceImage, start, end)
}

func foldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// magic are the beginnings of image files in base64, and which of their bytes
// makes the finder stop.
var magic = [...]struct {
	text string
	at   int
}{
	{"/9j/", 0},        // JPEG
	{"iVBORw0KGgo", 1}, // PNG
	{"R0lGOD", 3},      // GIF
	{"UklGR", 3},       // WebP
}

// imageBytes looks for the base64 of an image around i, or for an image file's
// bytes at the beginning of the text.
func (f *finder) imageBytes(i int) bool {
	if i == 0 && (strings.HasPrefix(f.s, "\xff\xd8\xff") || strings.HasPrefix(f.s, "\x89PNG\r\n")) {
		return f.hit(FaceImage, 0, len(f.s))
	}
	for _, m := range magic {
		start := i - m.at
		if start < f.done || !strings.HasPrefix(f.s[start:], m.text) || isBase64(f.left(start)) {
			continue
		}
		end := start
		for end < len(f.s) && isBase64(f.s[end]) {
			end++
		}
		f.pos = max(f.pos, end)
		if end-start >= minImage {
			return f.hit(FaceImage, start, end)
		}
	}
	return false
}
