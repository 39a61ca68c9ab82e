// What the formats of this room share.
namespace ztilde {}
