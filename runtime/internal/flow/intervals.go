package flow

// Interval is the bytes from offset Start up to End, End excluded.
type Interval struct{ Start, End uint64 }

// Intervals is a set of byte offsets, kept as disjoint intervals in ascending
// order that do not touch. The zero value is empty.
type Intervals struct{ list []Interval }

// Len is the number of intervals.
func (s *Intervals) Len() int { return len(s.list) }

// At returns the i-th interval.
func (s *Intervals) At(i int) Interval { return s.list[i] }

// Size is how many offsets are in the set.
func (s *Intervals) Size() (n uint64) {
	for _, v := range s.list {
		n += v.End - v.Start
	}
	return n
}

// Clear empties the set.
func (s *Intervals) Clear() { s.list = s.list[:0] }

// search returns the index of the first interval that ends after offset.
func (s *Intervals) search(offset uint64) int {
	if n := len(s.list); n == 0 || s.list[n-1].End <= offset {
		return n
	}
	low, high := 0, len(s.list)
	for low < high {
		mid := int(uint(low+high) / 2)
		if s.list[mid].End <= offset {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Add puts the offsets from start up to end in.
func (s *Intervals) Add(start, end uint64) {
	if start >= end {
		return
	}
	i := s.search(start)
	if i > 0 && s.list[i-1].End == start {
		i--
	}
	j := i // intervals i to j, j excluded, touch the new one
	for j < len(s.list) && s.list[j].Start <= end {
		start, end = min(start, s.list[j].Start), max(end, s.list[j].End)
		j++
	}
	s.replace(i, j, Interval{start, end})
}

// Remove takes the offsets from start up to end out.
func (s *Intervals) Remove(start, end uint64) {
	if start >= end {
		return
	}
	i := s.search(start)
	if i == len(s.list) || s.list[i].Start >= end {
		return
	}
	if v := s.list[i]; v.Start < start && end < v.End {
		s.list[i].End = start
		s.replace(i+1, i+1, Interval{end, v.End})
		return
	}
	if s.list[i].Start < start {
		s.list[i].End = start
		i++
	}
	j := i
	for j < len(s.list) && s.list[j].End <= end {
		j++
	}
	if j < len(s.list) && s.list[j].Start < end {
		s.list[j].Start = end
	}
	s.list = append(s.list[:i], s.list[j:]...)
}

// Contains reports whether all offsets from start up to end are in the set.
func (s *Intervals) Contains(start, end uint64) bool {
	if start >= end {
		return true
	}
	i := s.search(start)
	return i < len(s.list) && s.list[i].Start <= start && end <= s.list[i].End
}

// replace puts v in the place of the intervals i to j, j excluded.
func (s *Intervals) replace(i, j int, v Interval) {
	if i == j {
		s.list = append(s.list, Interval{})
		copy(s.list[i+1:], s.list[i:])
		s.list[i] = v
		return
	}
	s.list[i] = v
	s.list = append(s.list[:i+1], s.list[j:]...)
}
