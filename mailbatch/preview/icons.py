"""The icons of the gallery: lines in a square of 24, drawn for it."""

from __future__ import annotations

ICONS = {
    "brand": (
        '<path d="M3 8.5 12 14l9-5.5M4.5 5h15A1.5 1.5 0 0 1 21 6.5v11a1.5 1.5 0 0 1-1.5 '
        '1.5h-15A1.5 1.5 0 0 1 3 17.5v-11A1.5 1.5 0 0 1 4.5 5z"/>'
    ),
    "sun": (
        '<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4'
        ' 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4 1.4M6.7 17.3l-1.4 1.4"/>'
    ),
    "moon": '<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z"/>',
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="m20 20-4.2-4.2"/>',
    "help": (
        '<circle cx="12" cy="12" r="9"/><path d="M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1 '
        '1-1.1 1.8m0 3v.1"/>'
    ),
    "back": '<path d="M15 5l-7 7 7 7"/>',
    "next": '<path d="m9 5 7 7-7 7"/>',
    "phone": '<rect x="7" y="2.5" width="10" height="19" rx="2.2"/><path d="M11 18.5h2"/>',
    "tablet": '<rect x="4" y="2.5" width="16" height="19" rx="2.2"/><path d="M11 18.5h2"/>',
    "desktop": (
        '<rect x="2.5" y="4" width="19" height="13" rx="1.8"/><path d="M8.5 20.5h7M12 17v3.5"/>'
    ),
    "contrast": (
        '<circle cx="12" cy="12" r="9"/><path d="M12 3v18a9 9 0 0 0 0-18z" fill="currentColor"/>'
    ),
    "image": (
        '<rect x="3" y="4" width="18" height="16" rx="2"/><circle cx="8.5" cy="9.5" '
        'r="1.6"/><path d="m4 18 5.5-5.5 4 4 2.5-2.5 4 4"/>'
    ),
    "file": '<path d="M6 2.5h8l5 5v14H6a1 1 0 0 1-1-1v-17a1 1 0 0 1 1-1zM14 2.5v5h5"/>',
    "save": '<path d="M12 3.5v12m0 0 4.5-4.5M12 15.5 7.5 11M4 20.5h16"/>',
    "copy": (
        '<rect x="8" y="8" width="12.5" height="12.5" rx="2"/><path d="M16 8V5.5a2 2 0 0 '
        '0-2-2H5.5a2 2 0 0 0-2 2V14a2 2 0 0 0 2 2H8"/>'
    ),
    "ok": '<path d="m5 12.5 4.5 4.5L19.5 7"/>',
    "wall": (
        '<rect x="3.5" y="3.5" width="7" height="7" rx="1.2"/><rect x="13.5" y="3.5" '
        'width="7" height="7" rx="1.2"/><rect x="3.5" y="13.5" width="7" height="7" '
        'rx="1.2"/><rect x="13.5" y="13.5" width="7" height="7" rx="1.2"/>'
    ),
    "list": '<path d="M4 6h16M4 12h16M4 18h16"/>',
}
