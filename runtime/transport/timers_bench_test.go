package transport

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkTimers is what the timers cost a shard with so many connections: a packet that moves a deadline back, as nearly
// all do, one that moves it forward, and a deadline that fires and is set again.
func BenchmarkTimers(b *testing.B) {
	for _, links := range []int{100, 10_000, 1_000_000} {
		var t timers
		t.init()
		all := make([]*link, links)
		at := now()
		for i := range all {
			all[i] = new(link)
			t.set(all[i], at.Add(time.Hour+time.Duration(rand.IntN(60_000))*time.Millisecond))
		}
		b.Run(fmt.Sprintf("%d/later", links), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				l := all[i%links]
				t.set(l, l.timer.due.Add(time.Millisecond))
			}
		})
		b.Run(fmt.Sprintf("%d/earlier", links), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				l := all[i%links]
				t.set(l, l.timer.due-1)
			}
		})
		b.Run(fmt.Sprintf("%d/fires", links), func(b *testing.B) {
			for b.Loop() {
				at = at.Add(time.Hour / time.Duration(links))
				for l := t.pop(at); l != nil; l = t.pop(at) {
					t.set(l, l.timer.due.Add(time.Hour))
				}
			}
		})
		t.timer.Stop()
	}
}
