// Everything: read rows, train a network, use it, keep it.
#pragma once

#include "ztilde/batch_norm.hpp"
#include "ztilde/cross_validate.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/drift_thresholds.hpp"
#include "ztilde/error.hpp"
#include "ztilde/fold.hpp"
#include "ztilde/fold_certificate.hpp"
#include "ztilde/matrix_view.hpp"
#include "ztilde/model.hpp"
#include "ztilde/monitor.hpp"
#include "ztilde/network.hpp"
#include "ztilde/reference.hpp"
#include "ztilde/train.hpp"
#include "ztilde/train_session.hpp"
