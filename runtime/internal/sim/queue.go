package sim

import "github.com/sessgen/sessgen/runtime/internal/mono"

// Queue holds what is to happen, the earliest first; of what happens at one time, what was pushed first.
// The zero value is empty.
type Queue[T any] struct {
	heap []due[T]
	seq  uint64
}

type due[T any] struct {
	at    mono.Time
	seq   uint64
	value T
}

func (q *Queue[T]) less(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// Push puts value in, for the time at.
func (q *Queue[T]) Push(at mono.Time, value T) {
	q.seq++
	q.heap = append(q.heap, due[T]{at, q.seq, value})
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

// Pop takes the earliest out. There must be one.
func (q *Queue[T]) Pop() T {
	first, last := q.heap[0].value, len(q.heap)-1
	q.heap[0] = q.heap[last]
	q.heap[last] = due[T]{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q.less(child, least) {
				least = child
			}
		}
		if least == i {
			return first
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}

// Next is when the earliest is due, mono.Never if there is none.
func (q *Queue[T]) Next() mono.Time {
	if len(q.heap) == 0 {
		return mono.Never
	}
	return q.heap[0].at
}

// Len is how many there are.
func (q *Queue[T]) Len() int { return len(q.heap) }
