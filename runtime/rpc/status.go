package rpc

import (
	"strings"
	"unicode/utf8"

	"github.com/sessgen/sessgen/runtime/session"
)

// MError has one parameter, status, whose bytes are those of google.rpc.Status:
//
//	message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }

// encodeStatus appends the parameters of MError.
func encodeStatus(e *session.Encoder, status *Error) {
	field := e.Begin(1)
	e.Int32(1, int32(status.Code))
	e.Text(2, strings.ToValidUTF8(status.Message, string(utf8.RuneError)))
	for _, d := range status.Details {
		element := e.Begin(3)
		e.Text(1, d.TypeURL)
		e.Bytes(2, d.Value)
		e.EndElement(element)
	}
	e.EndField(field)
}

// decodeStatus reads the parameters of MError.
func decodeStatus(d *session.Decoder) *Error {
	status := &Error{processed: ProcessedYes}
	var code int32
	for d.Next() {
		if d.Field() != 1 {
			continue
		}
		outer := d.Enter()
		for d.Next() {
			switch d.Field() {
			case 1:
				code = d.Int32()
			case 2:
				status.Message = d.Text()
			case 3:
				status.Details = append(status.Details, decodeDetail(d))
			}
		}
		d.Leave(outer)
	}
	status.Code = known(int64(code))
	return status
}

func decodeDetail(d *session.Decoder) (detail Detail) {
	outer := d.Enter()
	for d.Next() {
		switch d.Field() {
		case 1:
			detail.TypeURL = d.Text()
		case 2:
			detail.Value = d.Bytes()
		}
	}
	d.Leave(outer)
	return detail
}
