package mapping

// Distance counts the insertions, deletions and replacements between two words, for a
// hint after a slip of the keyboard; words that are very long are far apart.
func Distance(a, b string) int {
	if max(len(a), len(b)) > 128 {
		return 128
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
