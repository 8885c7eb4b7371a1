"""Ways a file is damaged on its way, or written by a program nobody has met: each takes bytes and gives others."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]
# fmt: off
_SPECIAL = [
    '"', '""', "'", ",", "\t", "|", ";", "\n", "\r", "\r\n", "\x1a", "\x00", "\x01", "\x0b", "\x0c", "\x1c", "\x7f", "\u2028", "\u0085",
    "\ufeff", "\u200b", "\u3000", "\u00a0", "合计", "小计", "总计", "(", ")", "-", "万元", "元", "，", "“", "𠮷", "e5", ".", "0", "９", "％",
    "=", "\\", "$p$", "$w$", "{", "}", "%", "≈",
]
# fmt: on


def _place(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _as_text(data: bytes) -> str:
    return data.decode(_encoding(data), "replace")


def _back(text: str, data: bytes) -> bytes:
    return text.encode(_encoding(data), "replace")


def flip_bytes(rng: Random, data: bytes) -> bytes:
    """Change a few bytes to any others."""
    body = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        if body:
            body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


def truncate(rng: Random, data: bytes) -> bytes:
    """Cut the file off."""
    return data[: _place(rng, data)]


def drop_chunk(rng: Random, data: bytes) -> bytes:
    """Take some bytes out of the middle."""
    start = _place(rng, data)
    return data[:start] + data[start + rng.choice([1, 2, 7, 100, 1000]) :]


def repeat_chunk(rng: Random, data: bytes) -> bytes:
    """Repeat some bytes."""
    start = _place(rng, data)
    chunk = data[start : start + rng.choice([1, 3, 50, 500])]
    return data[:start] + chunk * rng.choice([2, 3, 40]) + data[start + len(chunk) :]


def _lines(rng: Random, data: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    end = b"\r\n" if b"\r\n" in data else b"\n"
    return end.join(change(data.split(end)))


def drop_lines(rng: Random, data: bytes) -> bytes:
    """Take some lines out."""
    return _lines(rng, data, lambda lines: [line for line in lines if rng.random() > 0.1])


def repeat_lines(rng: Random, data: bytes) -> bytes:
    """Repeat some lines."""
    return _lines(rng, data, lambda lines: [line for line in lines for _ in range(2 if rng.random() < 0.1 else 1)])


def shuffle_lines(rng: Random, data: bytes) -> bytes:
    """Put the lines in another order."""
    return _lines(rng, data, lambda lines: rng.sample(lines, len(lines)))


def mix_line_ends(rng: Random, data: bytes) -> bytes:
    """End each line in a way of its own."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return b"".join(line + rng.choice([b"\n", b"\r\n", b"\r", b"\n\n"]) for line in lines)


def swap_delimiters(rng: Random, data: bytes) -> bytes:
    """Write other delimiters, everywhere or in some lines."""
    old, new = b",", rng.choice([b"\t", b"|", b";", b", ", b",,", b"\xa3\xac"])
    if rng.random() < 0.5:
        return data.replace(old, new)
    return _lines(rng, data, lambda lines: [x.replace(old, new) if rng.random() < 0.2 else x for x in lines])


def insert_special(rng: Random, data: bytes) -> bytes:
    """Put quotation marks, control characters, byte-order marks and the like somewhere."""
    text = _as_text(data)
    for _ in range(rng.choice([1, 1, 2, 3, 10])):
        place = rng.randrange(len(text) + 1)
        text = text[:place] + rng.choice(_SPECIAL) + text[place:]
    return _back(text, data)


def insert_at_fields(rng: Random, data: bytes) -> bytes:
    """Put quotation marks and the like at the edges of fields, where they mean something."""
    text = _as_text(data)
    edges = [match.start() for match in re.finditer(r"[,\n]", text)] or [0]
    for place in sorted(rng.sample(edges, min(len(edges), rng.choice([1, 2, 2, 4]))), reverse=True):
        place += rng.choice([0, 1])
        text = text[:place] + rng.choice(['"', '"', '"', "'", "\n", '"\n"', " ", "\u3000", "\t"]) + text[place:]
    return _back(text, data)


def quote_fields(rng: Random, data: bytes) -> bytes:
    """Quote some fields, some with line ends in them."""

    def quoted(match: re.Match[str]) -> str:
        if rng.random() > 0.05:
            return match[0]
        return f'"{match[0]}{rng.choice(["", "", chr(10), chr(13) + chr(10), chr(34) * 2, ","])}"'

    return _back(re.sub(r"[^,\r\n\"]+", quoted, _as_text(data)), data)


def huge_field(rng: Random, data: bytes) -> bytes:
    """Make one field or line far too long."""
    place = _place(rng, data)
    piece = rng.choice([b"9", b"x", b" ", b"\xd6\xd0", b'"', b",", b"1,", b"\n"])
    return data[:place] + piece * rng.choice([300, 5_000, 140_000, 1_100_000]) + data[place:]


def long_title(rng: Random, data: bytes) -> bytes:
    """Put a title of any length above everything."""
    return rng.choice([b"x", b"=", b"a b ", b'"']) * rng.choice([10, 70_000, 1_050_000, 2_200_000]) + b"\n" + data


def other_encoding(rng: Random, data: bytes) -> bytes:
    """Write the text in another encoding, with its mark, without, or with a wrong one."""
    text = _as_text(data).removeprefix("\ufeff")
    encoding = rng.choice(
        ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "big5", "shift_jis", "utf-7"]
    )
    mark = rng.choice([b"", b"", b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"])
    return mark + text.encode(encoding, "replace")


def mix_encodings(rng: Random, data: bytes) -> bytes:
    """Write some lines in another encoding."""
    other = "utf-8" if _encoding(data) == "gb18030" else "gb18030"
    return b"\n".join(
        line.encode(other if rng.random() < 0.1 else _encoding(data), "replace") for line in _as_text(data).split("\n")
    )


def change_cells(rng: Random, data: bytes) -> bytes:
    """Change some numbers in the way people and programs do."""

    def other(match: re.Match[str]) -> str:
        number = match[0]
        # fmt: off
        forms = [
            f"({number})", f"-{number}", f"{number}-", f"+{number}", f"{number}e3", f"{number}.005", f"￥{number}", f"{number}元",
            f" {number} ", f"{number}万", f'"{number[:1]},{number[1:]}"', number.lstrip("0"), f"00{number}", f"{number}.00", "",
            number.translate({48 + i: 0xFF10 + i for i in range(10)}), f"'{number}", f'="{number}"', number * 3, "--",
        ]
        # fmt: on
        return number if rng.random() > 0.03 else rng.choice(forms)

    return _back(re.sub(r"\d+(?:\.\d+)?", other, _as_text(data)), data)


def spaced_titles(rng: Random, data: bytes) -> bytes:
    """Space out the words of the first lines, as titles often are."""
    lines = _as_text(data).split("\n")
    for index in range(min(4, len(lines))):
        if rng.random() < 0.5:
            lines[index] = re.sub(
                r"(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])", rng.choice([" ", "\u3000", "  "]), lines[index]
            )
    return _back("\n".join(lines), data)


TEXT: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        flip_bytes, truncate, drop_chunk, repeat_chunk, drop_lines, repeat_lines, shuffle_lines, mix_line_ends, swap_delimiters,
        insert_special, insert_at_fields, quote_fields, huge_field, long_title, other_encoding, mix_encodings, change_cells,
        spaced_titles,
    )
}  # fmt: skip


def parts(rng: Random, data: bytes, change: Callable[[str, str], str], wanted: str) -> bytes:
    """Change the XML parts of a workbook whose name has ``wanted`` in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [(member.filename, archive.read(member)) for member in archive.infolist()]
    except Exception:
        return flip_bytes(rng, data)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts:
            if wanted in name:
                body = change(name, body.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _one(rng: Random, text: str, pattern: str, new: Callable[[re.Match[str]], str]) -> str:
    """Change one of the places where a pattern matches."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    match = rng.choice(found)
    return text[: match.start()] + new(match) + text[match.end() :]


def xml_values(rng: Random, data: bytes) -> bytes:
    """Change values of cells."""
    values = [
        "",
        "1e400",
        "-1e-5",
        "NaN",
        "INF",
        "0.1234567890123456789",
        "1E15",
        "123456789012345678",
        "x",
        "99999",
        "0x1F",
        " 5 ",
    ]
    values += [
        "-0",
        "44634.5",
        "2958466",
        "-1",
        "999999999999.99",
        "1e3",
        "１２",
        "１００.５",
        "1_000",
        "&#10;5",
        "TRUE",
    ]
    for _ in range(rng.choice([1, 3, 10])):
        data = parts(
            rng,
            data,
            lambda _, t: _one(rng, t, r"<v>[^<]*</v>", lambda _: f"<v>{rng.choice(values)}</v>"),
            "worksheets/",
        )
    return data


def xml_types(rng: Random, data: bytes) -> bytes:
    """Change types and formats of cells."""
    return parts(
        rng,
        data,
        lambda _, t: _one(
            rng,
            t,
            r'<c (r="[A-Z]+\d+")[^>]*>',
            lambda m: (
                f'<c {m[1]} s="{rng.choice([0, 1, 2, 3, 99])}" t="{rng.choice(["s", "n", "str", "b", "e", "d", "inlineStr", "q"])}">'
            ),
        ),
        "worksheets/",
    )


def xml_references(rng: Random, data: bytes) -> bytes:
    """Change numbers of rows and columns."""
    number = rng.choice([0, 1, 2, 3, 7, 12, 50, 3_000, 100_000, 1_048_576, 9_999_999, 4_000_000_000, -3])
    column = rng.choice(["A", "B", "D", "XFD", "ZZZ", "ZZZZZ", "", "a"])
    if rng.random() < 0.5:
        return parts(
            rng,
            data,
            lambda _, t: _one(rng, t, r'<row r="\d+"', lambda _: rng.choice([f'<row r="{number}"', "<row"])),
            "worksheets/",
        )
    return parts(
        rng, data, lambda _, t: _one(rng, t, r'<c r="[A-Z]+(\d+)"', lambda m: f'<c r="{column}{m[1]}"'), "worksheets/"
    )


def xml_dimension(rng: Random, data: bytes) -> bytes:
    """State another size of the sheet."""
    ref = rng.choice(["A1", "A1:B2", "C3:D4", "A1:XFD1048576", "A1:ZZZZ9", "", "B2", "A0:A0", "H9:A1", "A1:G"])
    return parts(rng, data, lambda _, t: re.sub(r'<dimension ref="[^"]*"', f'<dimension ref="{ref}"', t), "worksheets/")


def xml_rows(rng: Random, data: bytes) -> bytes:
    """Repeat, drop or turn rows."""

    def change(_: str, text: str) -> str:
        rows = re.findall(r"<row [^>]*?(?:/>|>.*?</row>)", text, re.DOTALL)
        if len(rows) < 2:
            return text
        other = list(rows)
        match rng.randrange(4):
            case 0:
                other.insert(rng.randrange(len(rows)), rng.choice(rows))
            case 1:
                del other[rng.randrange(len(rows))]
            case 2:
                rng.shuffle(other)
            case _:
                other += [rows[-1]] * 500
        start, end = text.index(rows[0]), text.rindex(rows[-1]) + len(rows[-1])
        return text[:start] + "".join(other) + text[end:]

    return parts(rng, data, change, "worksheets/")


def xml_text(rng: Random, data: bytes) -> bytes:
    """Change texts, with line ends, tabs and special characters in them."""
    special = ["\n", "\t", "合计", "", "&#10;", "&#9;", "_x000D_", "\u3000", '"', "万元", "小计", "<", "&#0;"]

    def new(match: re.Match[str]) -> str:
        place = rng.randrange(len(match[1]) + 1)
        return f"{match[1][:place]}{rng.choice(special)}{match[1][place:]}</t>"

    return parts(rng, data, lambda _, t: _one(rng, t, r"([^<>]*)</t>", new), rng.choice(["sharedStrings", "xl/"]))


def xml_damage(rng: Random, data: bytes) -> bytes:
    """Damage a part's XML in any way."""
    part = rng.choice(["worksheets/", "sharedStrings", "styles", "workbook.xml", "_rels", "Content_Types", "xl/"])
    mutation = rng.choice([flip_bytes, truncate, drop_chunk, repeat_chunk])
    return parts(rng, data, lambda _, t: mutation(rng, t.encode()).decode("utf-8", "replace"), part)


def xml_bomb(rng: Random, data: bytes) -> bytes:
    """Make a workbook that unpacks to far more than it is."""
    match rng.randrange(4):
        case 0:
            many = "".join(f'<row r="{n}"/>' for n in range(5_000, 120_000))
            return parts(rng, data, lambda _, t: t.replace("</sheetData>", f"{many}</sheetData>"), "worksheets/")
        case 1:
            wide = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(5_000, 5_300))
            return parts(rng, data, lambda _, t: t.replace("</sheetData>", f"{wide}</sheetData>"), "worksheets/")
        case 2:
            entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
                f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(8)
            )
            return parts(
                rng,
                data,
                lambda _, t: re.sub(r"(<\?xml[^>]*>)", rf"\1{entities}]>", t).replace("</t>", "&i;</t>", 1),
                "sharedStrings",
            )
        case _:
            return parts(
                rng, data, lambda _, t: t.replace("</sst>", "<si><t/></si>" * 300_000 + "</sst>"), "sharedStrings"
            )


def zip_damage(rng: Random, data: bytes) -> bytes:
    """Damage the archive itself, more often where its directory stands."""
    body = bytearray(data)
    for _ in range(rng.choice([1, 2, 4])):
        start = rng.choice([0, len(body) // 2, max(0, len(body) - 400), max(0, len(body) - 22)])
        if start < len(body):
            body[rng.randrange(start, len(body))] = rng.choice([0, 1, 0xFF, 0x7F, rng.randrange(256)])
    return bytes(body)


ZIP: dict[str, Mutation] = {
    m.__name__: m for m in (flip_bytes, truncate, drop_chunk, repeat_chunk, zip_damage, zip_damage)
}
WORKBOOK: dict[str, Mutation] = ZIP | {
    m.__name__: m
    for m in (xml_values, xml_types, xml_references, xml_dimension, xml_rows, xml_text, xml_damage, xml_bomb)
}
