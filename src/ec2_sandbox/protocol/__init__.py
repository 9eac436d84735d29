"""How AWS spells calls, answers, errors, filters and pages."""
