// Package names makes Go names of the names that a schema has.
package names

import (
	"strings"
	"unicode"
)

// initialisms are the words that Go writes in one case (staticcheck's list).
var initialisms = map[string]bool{}

func init() {
	const list = "ACL API ASCII CPU CSS DNS EOF GUID HTML HTTP HTTPS ID IP JSON QPS RAM RPC SLA SMTP SQL SSH TCP TLS TTL UDP UI " +
		"GID UID UUID URI URL UTF8 VM XML XMPP XSRF XSS SIP RTP AMQP DB TS"
	for word := range strings.FieldsSeq(list) {
		initialisms[word] = true
	}
}

// Exported is the name of a field or method for a variable: id is ID, txnId is TxnID.
func Exported(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		if upper := strings.ToUpper(word); initialisms[upper] {
			b.WriteString(upper)
		} else {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// Private is the beginning of unexported names for a protocol: Bank is bank, SMTPRelay is smtpRelay.
func Private(name string) string {
	all := words(name)
	return strings.ToLower(all[0]) + strings.Join(all[1:], "")
}

// words cuts a camel-case name before each upper-case letter that begins a word: HTTPServerId is HTTP, Server and Id.
func words(name string) []string {
	var all []string
	runes := []rune(name)
	start := 0
	for i := 1; i < len(runes); i++ {
		upper, before := unicode.IsUpper(runes[i]), unicode.IsUpper(runes[i-1])
		nextLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if upper && (!before || nextLower) {
			all = append(all, string(runes[start:i]))
			start = i
		}
	}
	return append(all, string(runes[start:]))
}

// Scope is names that are taken.
type Scope map[string]bool

// NewScope makes a scope with names that are taken.
func NewScope(taken ...string) Scope {
	s := Scope{}
	for _, name := range taken {
		s[name] = true
	}
	return s
}

// Pick takes name, or, where that is taken, name with as many trailing underscores as it needs:
// a generator's names give way to a schema's, which have none.
func (s Scope) Pick(name string) string {
	for s[name] {
		name += "_"
	}
	s[name] = true
	return name
}

// Snake is the name in lower case, with an underscore between its words: txnId is txn_id.
func Snake(name string) string { return strings.ToLower(strings.Join(words(name), "_")) }
