"""Bytes on disk and at URLs: atomic files, locks, remote copies, a build's workspace."""
