package session

import (
	"context"
	"time"
)

// A time limit runs from when the session entered the place, or from when the
// message before arrived if that is later, to when the message arrived: a message in
// time stays in time, however late it is read. It is later where receives are put
// off: the session has gone on then before the message came.

// since is when the time limits of a place that was entered then begin to run.
func (s *Session) since(entered time.Time) time.Time {
	if s.table.timed && s.arrived.After(entered) {
		return s.arrived
	}
	return entered
}

// await waits for the next message in state. If every message there has a time
// limit, it waits no longer than the longest of them.
func (s *Session) await(ctx context.Context, state int, since time.Time) (message []byte, arrived time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	limit := s.table.places[state].wait
	if limit == 0 {
		return s.stream.Recv(ctx)
	}
	message, arrived, ok, err := s.poll(state, since)
	if ok || err != nil {
		return message, arrived, err
	}
	limited, cancel := context.WithDeadline(ctx, since.Add(limit))
	defer cancel()
	message, arrived, err = s.stream.Recv(limited)
	if err == nil || limited.Err() == nil || ctx.Err() != nil {
		return message, arrived, err
	}
	message, arrived, ok, err = s.poll(state, since)
	if !ok && err == nil {
		err = s.late(state)
	}
	return message, arrived, err
}

// poll returns the next message in state if it is there, and an error if it can
// no longer come in time.
func (s *Session) poll(state int, since time.Time) (message []byte, arrived time.Time, ok bool, err error) {
	limit := s.table.places[state].wait
	late := limit > 0 && time.Since(since) > limit
	message, arrived, ok, err = s.stream.TryRecv()
	if late && !ok && err == nil {
		err = s.late(state)
	}
	return message, arrived, ok, err
}

// late ends the session because no message came in time.
func (s *Session) late(state int) error {
	var m *Message
	if at := &s.table.places[state]; at.count == 1 {
		m = &s.protocol.Messages[at.first]
	}
	return s.violated(TooLate, m, "", nil)
}
