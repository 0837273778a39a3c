-- Length-prefixed frames for Wireshark and tshark; how to load it: README.md.
--
--  31 30 29 28 27                                                  0
-- +--+--+--+--+----------------------------------------------------+
-- |K |Z |0 |0 |   length of what follows, in bytes   (28 bits)     |
-- +--+--+--+--+----------------------------------------------------+
-- |   payload (Z: original length as big-endian u32, then LZ4)     |
-- |   K: CRC-32C, big-endian u32, over header and payload          |
-- +----------------------------------------------------------------+

-- "echo" is Wireshark's name for RFC 862.
local frames = Proto("echoframe", "Length-prefixed frames")

local HEADER_LEN, FIELD_LEN = 4, 4
local MAX_LEN = 0x0fffffff
local STATUS = { [0] = "bad", [1] = "good" }

local fields = {
    checksum_flag = ProtoField.bool("echoframe.flags.checksum", "Checksum (K)", 32, nil, 0x80000000),
    compressed = ProtoField.bool("echoframe.flags.compressed", "Compressed (Z)", 32, nil, 0x40000000),
    reserved = ProtoField.uint32("echoframe.flags.reserved", "Reserved", base.HEX, nil, 0x30000000),
    length = ProtoField.uint32("echoframe.length", "Length", base.DEC, nil, MAX_LEN),
    heartbeat = ProtoField.bool("echoframe.heartbeat", "Heartbeat"),
    original = ProtoField.uint32("echoframe.original_length", "Original length"),
    payload = ProtoField.bytes("echoframe.payload", "Payload"),
    checksum = ProtoField.uint32("echoframe.checksum", "Checksum", base.HEX),
    status = ProtoField.uint8("echoframe.checksum.status", "Checksum status", base.DEC, STATUS),
}
frames.fields = fields

local bad_checksum = ProtoExpert.new("echoframe.checksum.bad", "Bad checksum",
    expert.group.CHECKSUM, expert.severity.ERROR)
local bad_header = ProtoExpert.new("echoframe.header.bad", "Not the header of a frame",
    expert.group.MALFORMED, expert.severity.ERROR)
frames.experts = { bad_checksum, bad_header }

frames.prefs.port = Pref.uint("TCP port", 60000, "Port whose streams are frames")
frames.prefs.max_frame = Pref.uint("Largest frame", 8388608,
    "A longer one is not a frame, in bytes (--max-frame)")

-- CRC-32C (Castagnoli; RFC 3720, appendix B.4): the reflected polynomial.
local bits = bit32 or bit
local bxor, band, rshift = bits.bxor, bits.band, bits.rshift
local TABLE = {}
for byte = 0, 255 do
    local crc = byte
    for _ = 1, 8 do
        local low = band(crc, 1)
        crc = rshift(crc, 1)
        if low == 1 then crc = bxor(crc, 0x82f63b78) end
    end
    TABLE[byte] = crc
end

local function crc32c(range)
    local bytes = range:bytes()
    local crc = 0xffffffff
    for i = 0, bytes:len() - 1 do
        local index = band(bxor(crc, bytes:get_index(i)), 0xff)
        crc = bxor(rshift(crc, 8), TABLE[index])
    end
    -- One of the two libraries has signed numbers.
    return bxor(crc, 0xffffffff) % 4294967296
end

-- What the four bytes announce; nil: they are not a header.
local function decode(tvb, offset)
    local word = tvb(offset, HEADER_LEN):uint()
    local header = {
        checksum = word >= 0x80000000,
        compressed = band(word, 0x40000000) ~= 0,
        length = band(word, MAX_LEN),
    }
    local needs = (header.checksum and FIELD_LEN or 0) + (header.compressed and FIELD_LEN or 0)
    local is_reserved = band(word, 0x30000000) ~= 0
    if is_reserved or header.length < needs or header.length > frames.prefs.max_frame then
        return nil
    end
    return header
end

-- Adds one whole frame to the tree. Returns its text in the list of packets.
local function show(tvb, offset, header, tree)
    local size = HEADER_LEN + header.length
    local frame = tree:add(frames, tvb(offset, size))
    local first = tvb(offset, HEADER_LEN)
    for _, field in ipairs({ fields.checksum_flag, fields.compressed, fields.reserved, fields.length }) do
        frame:add(field, first)
    end
    if header.length == 0 then
        frame:add(fields.heartbeat, first, true):set_generated()
        frame:append_text(", heartbeat")
        return "heartbeat"
    end
    local text = header.length .. " bytes"
    local start, stop = offset + HEADER_LEN, offset + size
    if header.compressed then
        frame:add(fields.original, tvb(start, FIELD_LEN))
        start = start + FIELD_LEN
        text = text .. " compressed"
    end
    if header.checksum then
        stop = stop - FIELD_LEN
    end
    if stop > start then
        frame:add(fields.payload, tvb(start, stop - start))
    end
    if header.checksum then
        local announced = tvb(stop, FIELD_LEN)
        local computed = crc32c(tvb(offset, stop - offset))
        local is_good = announced:uint() == computed
        frame:add(fields.checksum, announced)
        local status = frame:add(fields.status, announced, is_good and 1 or 0):set_generated()
        if not is_good then
            status:add_proto_expert_info(bad_checksum,
                string.format("Bad checksum: the bytes give 0x%08x", computed))
            text = text .. " BAD CHECKSUM"
        end
    end
    frame:append_text(", " .. text)
    return text
end

function frames.dissector(tvb, pinfo, tree)
    local captured, offset, texts = tvb:len(), 0, {}
    pinfo.cols.protocol = "ECHOFRAME"
    while offset < captured do
        local rest = captured - offset
        local header = rest >= HEADER_LEN and decode(tvb, offset)
        if rest >= HEADER_LEN and not header then
            tree:add(frames, tvb(offset)):add_proto_expert_info(bad_header)
            table.insert(texts, "not a frame")
            offset = captured
        elseif not header or rest < HEADER_LEN + header.length then
            -- The rest is in later segments: the next call begins here again.
            pinfo.desegment_offset = offset
            pinfo.desegment_len = header and HEADER_LEN + header.length - rest
                or DESEGMENT_ONE_MORE_SEGMENT
            break
        else
            table.insert(texts, show(tvb, offset, header, tree))
            offset = offset + HEADER_LEN + header.length
        end
    end
    if #texts > 0 then
        -- The end of one frame and the next whole one are two calls.
        pinfo.cols.info = table.concat(texts, ", ") .. " "
    end
    return captured
end

local ports = DissectorTable.get("tcp.port")
local port = frames.prefs.port
ports:add(port, frames)
function frames.prefs_changed()
    ports:remove(port, frames)
    port = frames.prefs.port
    ports:add(port, frames)
end
