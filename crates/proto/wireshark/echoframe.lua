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

-- Whether the four bytes are a header, and what they announce.
local function decode(word)
    local has_checksum, is_compressed = word >= 0x80000000, band(word, 0x40000000) ~= 0
    local length = band(word, MAX_LEN)
    local needs = (has_checksum and FIELD_LEN or 0) + (is_compressed and FIELD_LEN or 0)
    local is_header = band(word, 0x30000000) == 0
        and needs <= length and length <= frames.prefs.max_frame
    return is_header, length, has_checksum, is_compressed
end

-- The size of a frame; of what is not one, all there is.
local function size(tvb, _, offset)
    local is_header, length = decode(tvb(offset, HEADER_LEN):uint())
    return is_header and HEADER_LEN + length or tvb:len() - offset
end

-- Adds what is behind the header to the tree of a frame. Returns more of its text.
local function show_body(tvb, frame, has_checksum, is_compressed)
    local start, stop, text = HEADER_LEN, tvb:len(), ""
    if is_compressed then
        frame:add(fields.original, tvb(start, FIELD_LEN))
        start, text = start + FIELD_LEN, " compressed"
    end
    stop = stop - (has_checksum and FIELD_LEN or 0)
    if stop > start then
        frame:add(fields.payload, tvb(start, stop - start))
    end
    if not has_checksum then
        return text
    end
    local announced, computed = tvb(stop, FIELD_LEN), crc32c(tvb(0, stop))
    local is_good = announced:uint() == computed
    frame:add(fields.checksum, announced)
    local status = frame:add(fields.status, announced, is_good and 1 or 0):set_generated()
    if is_good then
        return text
    end
    status:add_proto_expert_info(bad_checksum,
        string.format("Bad checksum: the bytes give 0x%08x", computed))
    return text .. " BAD CHECKSUM"
end

-- What the list of packets tells of the frames of one so far.
local texts

-- Shows one whole frame.
local function show(tvb, pinfo, tree)
    local first = tvb(0, HEADER_LEN)
    local is_header, length, has_checksum, is_compressed = decode(first:uint())
    local frame, text = tree:add(frames, tvb()), "not a frame"
    if is_header then
        for _, field in ipairs({ fields.checksum_flag, fields.compressed, fields.reserved, fields.length }) do
            frame:add(field, first)
        end
        text = length .. " bytes" .. show_body(tvb, frame, has_checksum, is_compressed)
        if length == 0 then
            frame:add(fields.heartbeat, first, true):set_generated()
            text = "heartbeat"
        end
        frame:append_text(", " .. text)
    else
        frame:add_proto_expert_info(bad_header)
    end
    table.insert(texts, text)
    -- The end of one frame and the next whole one are two calls.
    pinfo.cols.info = table.concat(texts, ", ") .. " "
    return tvb:len()
end

function frames.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "ECHOFRAME"
    texts = {}
    dissect_tcp_pdus(tvb, tree, HEADER_LEN, size, show)
    return tvb:len()
end

local ports = DissectorTable.get("tcp.port")
local port = frames.prefs.port
ports:add(port, frames)
function frames.prefs_changed()
    ports:remove(port, frames)
    port = frames.prefs.port
    ports:add(port, frames)
end
