package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/token"
	"io"
	"strings"
)

// Format is a format for printing diagnostics.
type Format uint8

const (
	// Text is for people: `file:line:col: message [code]`, the source line, and a caret under the place.
	Text Format = iota
	// JSON is one object per line.
	JSON
	// GitHub is the workflow command that creates an annotation.
	GitHub
)

// ParseFormat accepts "text", "json" and "github".
func ParseFormat(name string) (Format, error) {
	switch name {
	case "text":
		return Text, nil
	case "json":
		return JSON, nil
	case "github":
		return GitHub, nil
	}
	return 0, fmt.Errorf("%q is no format of errors: text, json or github", name)
}

// Printer prints diagnostics.
type Printer struct {
	Format Format
	// Fset holds the files of the diagnostics.
	Fset *token.FileSet
	// Sources are the texts of files, by their names in Fset. It may be incomplete.
	Sources map[string][]byte
	// Path, if set, returns the name under which a file is shown, instead of that in Fset.
	Path func(name string) string
}

// Print prints diagnostics in the given order.
func (p Printer) Print(w io.Writer, list []Diagnostic) error {
	var out bytes.Buffer
	for _, d := range list {
		switch p.Format {
		case JSON:
			p.json(&out, d)
		case GitHub:
			p.github(&out, d)
		default:
			p.text(&out, d)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// position is where pos is in the bytes of its file, whatever //line comments say.
func (p Printer) position(pos token.Pos) token.Position {
	at := p.Fset.PositionFor(pos, false)
	if pos.IsValid() {
		at.Line, at.Column = max(at.Line, 1), max(at.Column, 1) // an empty file has no lines
	}
	if p.Path != nil && at.IsValid() {
		at.Filename = p.Path(at.Filename)
	}
	return at
}

type jsonPlace struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message,omitempty"`
}

func (p Printer) json(out *bytes.Buffer, d Diagnostic) {
	end := p.position(d.End)
	object := struct {
		Severity string `json:"severity"`
		Code     Code   `json:"code"`
		jsonPlace
		EndLine    int         `json:"endLine,omitempty"`
		EndColumn  int         `json:"endColumn,omitempty"`
		Suggestion string      `json:"suggestion,omitempty"`
		Related    []jsonPlace `json:"related,omitempty"`
	}{
		Severity: d.Severity.String(), Code: d.Code, jsonPlace: p.place(d.Pos, d.Message),
		EndLine: end.Line, EndColumn: end.Column, Suggestion: d.Suggestion,
	}
	for _, r := range d.Related {
		object.Related = append(object.Related, p.place(r.Pos, r.Message))
	}
	// What is encoded is made of strings and numbers, so there is no error; Encode ends the line.
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(object)
}

func (p Printer) place(pos token.Pos, message string) jsonPlace {
	at := p.position(pos)
	return jsonPlace{at.Filename, at.Line, at.Column, message}
}

var (
	githubMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (p Printer) github(out *bytes.Buffer, d Diagnostic) {
	at := p.position(d.Pos)
	fmt.Fprintf(out, "::%s file=%s,line=%d,col=%d", d.Severity, githubProperty.Replace(at.Filename), at.Line, at.Column)
	if end := p.position(d.End); end.IsValid() {
		fmt.Fprintf(out, ",endLine=%d,endColumn=%d", end.Line, end.Column)
	}
	message := fmt.Sprintf("%s [%s]", d.Text(), d.Code)
	for _, r := range d.Related {
		message += fmt.Sprintf("\n%s: %s", p.position(r.Pos), r.Message)
	}
	fmt.Fprintf(out, ",title=%s::%s\n", githubProperty.Replace(string(d.Code)), githubMessage.Replace(message))
}
