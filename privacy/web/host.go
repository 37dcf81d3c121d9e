package web

// Host returns the host of an absolute URL, in lower case and without port, or
// "" when the URL names none.
func Host(url string) string {
	host, _ := hostOf(url)
	return host
}
