package emit

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/dave/jennifer/jen"
)

// width is how wide comments are.
const width = 80

// doc is a comment of paragraphs. A paragraph that begins with a tab stands as it
// is; the others are broken into lines.
func doc(paragraphs ...string) *jen.Statement {
	var lines []string
	for _, p := range paragraphs {
		if p == "" {
			continue
		}
		if len(lines) > 0 {
			lines = append(lines, "//")
		}
		if p[0] == '\t' {
			for line := range strings.SplitSeq(p, "\n") {
				lines = append(lines, strings.TrimRight("//"+line, " \t"))
			}
			continue
		}
		lines = append(lines, wrap(p)...)
	}
	return jen.Comment(strings.Join(lines, "\n"))
}

// wrap breaks text into comment lines.
func wrap(text string) []string {
	var lines []string
	line, length := "//", 2
	for word := range strings.FieldsSeq(text) {
		wide := wideOf(word)
		if length+1+wide > width && length > 2 {
			lines = append(lines, line)
			line, length = "//", 2
		}
		line += " " + word
		length += 1 + wide
	}
	return append(lines, line)
}

// positionRE is a position in a word of a comment, "(bank.sess:26:17)."
var positionRE = regexp.MustCompile(`\.sess:\d+:\d+\b`)

// wideOf is how wide a word counts. A position counts as if its numbers had three and
// two digits: else what moves down from line 99 would break other lines than before.
func wideOf(word string) int {
	if at := positionRE.FindString(word); at != "" {
		return utf8.RuneCountInString(word) - len(at) + len(".sess:000:00")
	}
	return utf8.RuneCountInString(word)
}

// user is a comment of the schema's author, whose line breaks stand.
func user(text string) string {
	text = strings.TrimRight(text, "\n")
	return text
}

// docOf is the doc comment of something that has a comment in the schema: that,
// with the name first if it does not stand there, or else what there is to say of it.
func docOf(comment, otherwise string) *jen.Statement {
	comment = user(comment)
	if comment == "" {
		return doc(otherwise)
	}
	var lines []string
	for line := range strings.SplitSeq(comment, "\n") {
		lines = append(lines, strings.TrimRight("// "+line, " "))
	}
	return jen.Comment(strings.Join(lines, "\n"))
}

// series joins words: a, b or c.
func series(words []string, last string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	case 2:
		if !strings.Contains(words[0], ",") {
			return words[0] + " " + last + " " + words[1]
		}
	}
	return strings.Join(words[:len(words)-1], ", ") + ", " + last + " " + words[len(words)-1]
}

// article is a or an, and the word.
func article(word string) string {
	if strings.ContainsRune("AEIOUaeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

// brief is the body of a function of one statement, on one line where that is short.
func brief(statement jen.Code) *jen.Statement {
	return jen.Custom(jen.Options{Open: "{ ", Close: " }"}, statement)
}
