package format

import (
	"go/token"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	indent   = 4   // columns of a level
	widthMax = 100 // columns that a line may have before it is broken
)

// arrange decides where lines end: where the author ended them, and where a line would hold too much.
func arrange(all []lexeme) []lexeme {
	all = unfold(all)
	var out []lexeme
	for i, l := range all {
		switch {
		case i == 0:
			l.breaks = 0
		case l.is("or", "else") && !l.expr && all[i-1].is("}"):
			l.breaks = 0 // } or {
		case l.is("}") && all[i-1].is("{") && !l.expr && l.breaks > 1:
			l.breaks = 1
		}
		l.breaks = min(l.breaks, 2)
		if i > 0 && l.breaks == 2 && (all[i-1].is("{") || l.is("}")) {
			l.breaks = 1
		}
		if i > 0 && l.breaks == 0 && strings.HasPrefix(all[i-1].text, "//") && all[i-1].tok == token.COMMENT {
			l.breaks = 1
		}
		out = append(out, l)
	}
	return separate(fold(semicolons(out)))
}

// semicolons drops those that a line end stands for.
func semicolons(all []lexeme) []lexeme {
	var out []lexeme
	for i, l := range all {
		if l.tok == token.SEMICOLON {
			next := i + 1
			for next < len(all) && all[next].tok == token.SEMICOLON {
				next++
			}
			if next == len(all) || all[next].breaks > 0 || all[next].is("}") || len(out) == 0 || out[len(out)-1].is("{") || out[len(out)-1].tok == token.SEMICOLON {
				if next < len(all) && next == i+1 {
					all[next].breaks = max(all[next].breaks, l.breaks)
				}
				continue
			}
		}
		out = append(out, l)
	}
	return out
}

// unfold breaks the blocks on one line that hold more than one should: a block of
// statements with another inside, or with several statements; and any whose line would be too long. The
// blocks of a choice or an if are broken all or none. A group of constants or imports has a line for each.
func unfold(all []lexeme) []lexeme {
	closing := matching(all)
	depth := 0
	broken := map[int]bool{}  // by depth: the block there is broken
	decided := map[int]bool{} // by the block's first token
	group := false
	for i := range all {
		l := &all[i]
		switch {
		case l.expr:
		case beginsGroup(all, i):
			group = i+1 < len(all) && !all[i+1].is(")")
			if group {
				all[i+1].breaks = max(all[i+1].breaks, lineComment(all[i+1]))
			}
		case group && l.is(")"):
			l.breaks, group = max(l.breaks, 1), false
		case group && l.tok == token.SEMICOLON && i+1 < len(all):
			all[i+1].breaks = max(all[i+1].breaks, lineComment(all[i+1]))
		case l.is("{"):
			depth++
			if _, done := decided[i]; !done {
				blocks := chain(all, closing, i)
				several := slices.ContainsFunc(blocks, func(from int) bool {
					end := closing[from]
					return end > from+1 && (severalLines(all, from, end) || crowded(all, from, end))
				})
				for _, from := range blocks {
					decided[from] = several
				}
			}
			broken[depth] = decided[i] && closing[i] > i+1
			if broken[depth] {
				all[i+1].breaks = max(all[i+1].breaks, lineComment(all[i+1]))
			}
		case l.is("}"):
			if broken[depth] {
				l.breaks = max(l.breaks, 1)
			}
			depth--
		case l.tok == token.SEMICOLON && broken[depth] && i+1 < len(all):
			all[i+1].breaks = max(all[i+1].breaks, lineComment(all[i+1]))
		}
	}
	return all
}

// chain are the blocks that belong together, by their first tokens: that at i, and those behind an or or else.
func chain(all []lexeme, closing map[int]int, i int) []int {
	blocks := []int{i}
	for {
		end := closing[i]
		if end+1 >= len(all) || !all[end+1].is("or", "else") {
			return blocks
		}
		for i = end + 2; i < len(all) && (all[i].expr || !all[i].is("{")); i++ {
		}
		if closing[i] == 0 {
			return blocks
		}
		blocks = append(blocks, i)
	}
}

// lineComment is 0 for a comment, which stays behind what it stands behind, and 1 for all else.
func lineComment(l lexeme) int {
	if l.tok == token.COMMENT {
		return 0
	}
	return 1
}

// matching are the indices of the closing braces, by those of the opening ones.
func matching(all []lexeme) map[int]int {
	closing := map[int]int{}
	var open []int
	for i, l := range all {
		switch {
		case l.expr:
		case l.is("{"):
			open = append(open, i)
		case l.is("}") && len(open) > 0:
			closing[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	return closing
}

// severalLines reports whether the author broke the block himself.
func severalLines(all []lexeme, from, to int) bool {
	for _, l := range all[from+1 : to+1] {
		if l.breaks > 0 {
			return true
		}
	}
	return false
}

// crowded reports whether a block is too much for one line.
func crowded(all []lexeme, from, to int) bool {
	length, statements, messages := 0, 1, false
	for i := from + 1; i < to; i++ {
		l := all[i]
		if !l.expr && l.is("{") {
			return true
		}
		if l.tok == token.SEMICOLON && i+1 < to {
			statements++
		}
		messages = messages || l.is("-") && !l.expr
		length += utf8.RuneCountInString(l.text) + 1
	}
	start := from
	for start > 0 && all[start].breaks == 0 {
		start--
		length += utf8.RuneCountInString(all[start].text) + 1
	}
	return messages && statements > 1 || length > widthMax
}

// isClause reports whether the token begins a clause of a message or an rpc, and is not
// a parameter of that name.
func isClause(all []lexeme, i int) bool {
	l := all[i]
	return l.tok == token.IDENT && !l.expr && !l.param && i > 0 && !all[i-1].is(".", "{", "}", ";") &&
		l.is("where", "within", "as", "requires", "ensures", "idempotent")
}

// fold breaks the lines that are too long: before their first clause; what still is,
// before each; what still is, behind commas, && and ||.
func fold(all []lexeme) []lexeme {
	for _, cut := range []func([]lexeme, []int, int){beforeFirstClause, beforeEveryClause, fill} {
		levels := levelsOf(all)
		for _, line := range linesOf(all) {
			if level := levels[line[0]]; width(all, line, level) > widthMax {
				cut(all, line, level)
			}
		}
	}
	return all
}

// separate puts a blank line behind the package clause, and before and behind each
// declaration of several lines. The comment above a declaration belongs to it.
func separate(all []lexeme) []lexeme {
	start := 0       // of the declaration before, or the package clause
	several := false // that one has several lines
	depth := 0
	for i := range all {
		l := &all[i]
		switch {
		case l.expr || l.tok == token.COMMENT:
		case l.is("{"):
			depth++
		case l.is("}"):
			depth--
		case depth == 0 && i > 0 && isDecl(*l) && (all[i-1].is(";") || l.breaks > 0):
			lead := i
			for lead > 0 && all[lead-1].tok == token.COMMENT && all[lead].breaks == 1 && (lead == 1 || all[lead-1].breaks > 0) {
				lead--
			}
			next := endOfDecl(all, i)
			now := severalLines(all, i, next-1)
			if all[lead].breaks > 0 && (several || now || all[start].is("package")) {
				all[lead].breaks = 2
			}
			start, several = i, now
		case l.is("package"):
			start = i
		}
	}
	return all
}

// isDecl reports whether the token begins a declaration, where one may begin.
func isDecl(l lexeme) bool {
	return l.is("import", "const", "struct", "enum", "union", "extern", "protocol", "service")
}

// endOfDecl is the index behind the last token of the declaration that begins at i.
func endOfDecl(all []lexeme, i int) int {
	end, depth := i+1, 0
	for k := i; k < len(all); k++ {
		l := all[k]
		switch {
		case l.tok == token.COMMENT:
			continue
		case l.expr:
		case depth == 0 && k > i && l.breaks > 0 && isDecl(l):
			return end
		case l.is("{"):
			depth++
		case l.is("}"):
			depth--
		}
		end = k + 1
	}
	return end
}

// linesOf are the indices of the tokens of each line.
func linesOf(all []lexeme) [][]int {
	var lines [][]int
	for i, l := range all {
		if i == 0 || l.breaks > 0 {
			lines = append(lines, nil)
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], i)
	}
	return lines
}

func beforeFirstClause(all []lexeme, line []int, _ int) {
	for _, i := range line[1:] {
		if isClause(all, i) {
			all[i].breaks = 1
			return
		}
	}
}

func beforeEveryClause(all []lexeme, line []int, _ int) {
	for _, i := range line[1:] {
		if isClause(all, i) {
			all[i].breaks = 1
		}
	}
}

// fill puts as much on each line as there is room for.
func fill(all []lexeme, line []int, level int) {
	column := level * indent
	last, since := -1, 0 // where the line may be broken, and the column there
	for n, i := range line {
		if all[i].tok == token.COMMENT {
			return
		}
		column += columns(all, i, n)
		if column > widthMax && last > 0 {
			all[last].breaks = 1
			column += (level+1)*indent - since
			last = -1
		}
		if (all[i].is(",") || all[i].expr && all[i].is("&&", "||")) && n+1 < len(line) && all[line[n+1]].tok != token.COMMENT {
			last, since = line[n+1], column+1
		}
	}
}

// width is how many columns a line takes. A comment at its end may stick out.
func width(all []lexeme, line []int, level int) int {
	width := level * indent
	for n, i := range line {
		if all[i].tok == token.COMMENT && n > 0 {
			break
		}
		width += columns(all, i, n)
	}
	return width
}

// columns is how many a token takes, as the n-th of its line.
func columns(all []lexeme, i, n int) int {
	c := utf8.RuneCountInString(all[i].text)
	if n > 0 && spaced(all, i) {
		c++
	}
	return c
}
