"""Describes a finished dataset for people and programs: card, Croissant, report, contact sheet, exports."""
