package diag

// staticRules are the rules about meaning, which the checker reports.
var staticRules []Rule
