package protofile

import (
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/check"
)

// scalars are the types that have no parts.
var scalars = map[check.Kind]string{
	check.Bool: "bool", check.Int: "int64", check.Int32: "int64", check.Int64: "int64",
	check.Uint: "uint64", check.Uint32: "uint64", check.Uint64: "uint64",
	check.Float32: "float", check.Float64: "double", check.String: "string", check.Bytes: "bytes",
}

// goName is a Go type.
type goName struct{ path, name string }

const known = "google.golang.org/protobuf/types/known/"

// wellKnown are the messages that every protobuf compiler has, by the Go type of each.
var wellKnown = map[goName]string{
	{known + "anypb", "Any"}:              "any",
	{known + "durationpb", "Duration"}:    "duration",
	{known + "emptypb", "Empty"}:          "empty",
	{known + "fieldmaskpb", "FieldMask"}:  "field_mask",
	{known + "structpb", "Struct"}:        "struct",
	{known + "structpb", "Value"}:         "struct",
	{known + "structpb", "ListValue"}:     "struct",
	{known + "timestamppb", "Timestamp"}:  "timestamp",
	{known + "wrapperspb", "BoolValue"}:   "wrappers",
	{known + "wrapperspb", "BytesValue"}:  "wrappers",
	{known + "wrapperspb", "DoubleValue"}: "wrappers",
	{known + "wrapperspb", "FloatValue"}:  "wrappers",
	{known + "wrapperspb", "Int32Value"}:  "wrappers",
	{known + "wrapperspb", "Int64Value"}:  "wrappers",
	{known + "wrapperspb", "StringValue"}: "wrappers",
	{known + "wrapperspb", "UInt32Value"}: "wrappers",
	{known + "wrapperspb", "UInt64Value"}: "wrappers",
}

// typ is a field's type, in front of its name. entries are the messages that protobuf makes in the
// message at hand.
func (f *file) typ(t *check.Type, entries []string) string {
	switch t.Kind {
	case check.Optional:
		return "optional " + f.typ(t.Elem, entries)
	case check.List:
		return "repeated " + f.bare(t.Elem, entries)
	case check.Map:
		return "map<" + f.bare(t.Key, entries) + ", " + f.bare(t.Elem, entries) + ">"
	}
	if t.Kind == check.Extern && t.Named.Proto && wellKnown[goName{t.Named.Path, t.Named.GoName}] == "" {
		return "optional " + f.bare(t, entries) // it is absent when it is nil, and not when it is empty
	}
	return f.bare(t, entries)
}

// bare is a type without what stands before it.
func (f *file) bare(t *check.Type, entries []string) string {
	switch t.Kind {
	case check.Time:
		return f.google("timestamp", "Timestamp")
	case check.Duration:
		return f.google("duration", "Duration")
	case check.Struct, check.Enum, check.Union:
		return f.reference(t.Named, entries)
	case check.Extern:
		// What other protobuf files a Go type comes from, nothing tells. An embedded message is bytes too.
		if file := wellKnown[goName{t.Named.Path, t.Named.GoName}]; t.Named.Proto && file != "" {
			return f.google(file, t.Named.GoName)
		}
		return "bytes"
	}
	return scalars[t.Kind]
}

// google is one of protobuf's own messages.
func (f *file) google(file, name string) string {
	f.imports["google/protobuf/"+file+".proto"] = true
	name = "google.protobuf." + name
	if f.pkg == "google" {
		name = "." + name
	}
	return name
}

// reference names a declared type from inside a message: in full where something nearer has the name.
func (f *file) reference(n *check.Named, entries []string) string {
	if name := f.name[n]; name != "" {
		return name
	}
	name := f.named[n]
	if f.hidden[name] || slices.Contains(entries, name) {
		return "." + f.pkg + "." + name
	}
	return name
}

// entry is the message that protobuf makes for a map field.
func entry(field string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(field, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String() + "Entry"
}
