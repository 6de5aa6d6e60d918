"""A finished dataset for people and other programs: card, Croissant, report, contact sheet, exports."""
