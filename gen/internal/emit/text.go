package emit

import (
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
	line := "//"
	for word := range strings.FieldsSeq(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width && line != "//" {
			lines = append(lines, line)
			line = "//"
		}
		line += " " + word
	}
	return append(lines, line)
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
